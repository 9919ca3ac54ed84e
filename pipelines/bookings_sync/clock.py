"""The clock. Only the command and the orchestrators read it; everything below them takes the time as an argument."""

import pendulum
from pendulum import DateTime


def utc_now() -> DateTime:
    """The present time in UTC."""
    return pendulum.now("UTC")
