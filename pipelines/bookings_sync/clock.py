"""The clock. Only the command line and the orchestrators read it; all other code takes the time as an argument."""

import pendulum
from pendulum import DateTime


def utc_now() -> DateTime:
    """The current time in UTC."""
    return pendulum.now("UTC")
