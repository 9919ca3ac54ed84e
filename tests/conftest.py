"""What all tests share."""

from hypothesis import settings

# A busy machine is no failure: examples are counted, never timed.
settings.register_profile("bookings", deadline=None, max_examples=60)
settings.load_profile("bookings")
