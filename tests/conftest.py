"""What all tests share."""

from hypothesis import settings

# A busy machine is no failure: examples are counted, never timed.
settings.register_profile("bookings", deadline=None)
settings.load_profile("bookings")
