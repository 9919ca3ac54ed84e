"""Reads a time that the API sent, in whatever form.

Input:  a text or a number, and the zone of the location if the settings name one.
Output: the instant; None if the value is no time, lies outside the years 1 to 9999, or names no offset and no zone is
        known. Pure.

Understood are ISO 8601 in all its forms, also with a blank instead of the T, `z`, ` UTC` or a blank before the offset;
RFC 2822; epoch seconds (9 or 10 digits) and milliseconds (12 or 13 digits), as numbers or as text. A time without an
offset, or a date alone, is a local time of the zone. A local time that occurs twice, because clocks go back, is the
first of the two. A local time that clocks skip is read with the offset before the change.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from pendulum import DateTime

from bookings_sync.planning.windows import from_ms, to_ms

FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Epoch microseconds: the years 1 to 9999. Arrow can hold more, but Python readers of the warehouse cannot."""
_EPOCH_MS_FROM = 100_000_000_000
"""A number from here on is epoch milliseconds (from 1973), a smaller one epoch seconds (until 5138)."""

_EPOCH_TEXT = re.compile(r"-?(?:\d{9,10}|\d{12,13})(?:\.\d+)?")
_ZULU = re.compile(r"(?<=\d)\s*(?:z|utc|gmt)$", re.IGNORECASE)
_SPACED_OFFSET = re.compile(r"(?<=:\d\d)\s+(?=[+-]\d\d:?\d\d$)")
_RFC_2822 = re.compile(r"(?:[a-z]{3},\s*)?\d{1,2}\s+[a-z]{3}\s+\d{4}\s+\d{1,2}:\d\d", re.IGNORECASE)


def instant_ms(value: object, zone: str | None = None) -> int | None:
    """Epoch milliseconds, rounded down."""
    try:
        if isinstance(value, str) and not _EPOCH_TEXT.fullmatch(value.strip()):
            instant = _from_text(value, zone)
            milliseconds = None if instant is None else to_ms(instant)
        else:
            milliseconds = _number_ms(float(value) if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return milliseconds if milliseconds is not None and FIRST_US < milliseconds * 1000 < LAST_US - 999 else None


def fit_instant(value: object, zone: str | None = None) -> DateTime | None:
    """The instant in UTC, exact to the microsecond."""
    try:
        if isinstance(value, str) and not _EPOCH_TEXT.fullmatch(value.strip()):
            instant = _from_text(value, zone)
        else:
            milliseconds = _number_ms(float(value) if isinstance(value, str) else value)
            instant = None if milliseconds is None else from_ms(milliseconds)
        return None if instant is None else instant.in_timezone("UTC")
    except (ValueError, OverflowError):  # no time, or within a few hours of year 1 or 9999, and outside them in UTC
        return None


def _from_text(text: str, zone: str | None) -> DateTime | None:
    """Raises ValueError or OverflowError if the text is no time."""
    try:
        instant = DateTime.fromisoformat(text)
    except ValueError:
        instant = _from_other_text(text)
    if instant.utcoffset() is None:
        if zone is None:
            return None
        # ZoneInfo's own rules decide about times that occur twice or never: pendulum has others.
        local = datetime.fromisoformat(datetime.isoformat(instant)).replace(tzinfo=ZoneInfo(zone), fold=0)
        return DateTime.fromisoformat(local.isoformat())
    return instant


def _from_other_text(text: str) -> DateTime:
    text = text.strip()
    if _RFC_2822.match(text):
        return DateTime.fromisoformat(parsedate_to_datetime(text).isoformat())
    return DateTime.fromisoformat(_SPACED_OFFSET.sub("", _ZULU.sub("Z", text)))


def _number_ms(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    milliseconds = int(value if abs(value) >= _EPOCH_MS_FROM else value * 1000)
    # Check the range first: far outside it, datetime raises OSError instead of OverflowError.
    return milliseconds if FIRST_US <= milliseconds * 1000 <= LAST_US else None
