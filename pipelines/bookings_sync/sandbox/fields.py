"""Reads typed fields from requests. Every field of a body, a query or a path goes through here.

Input:  a JSON object, or the texts of a form or a query.
Output: values of one type each. `check` raises RefusedError: a 422 that lists every missing or invalid field (DOC).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from bookings_sync.sandbox import error_replies
from bookings_sync.sandbox.error_replies import RefusedError
from bookings_sync.sandbox.model import Json
from bookings_sync.sandbox.times import to_ms, zone

FORM_TYPE = "application/x-www-form-urlencoded"
FIRST_MS, LAST_MS = -2_208_988_800_000, 32_503_680_000_000
"""The years 1900 to 2999, in epoch milliseconds. Other times are invalid: no calendar shows them."""
MOST = 100_000
"""The highest number in a body. More minutes or months would exceed the range of dates."""

_EPOCH_MS = re.compile(r"-?[0-9]{1,15}")
_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", re.IGNORECASE)
_FLAGS = {"true": True, "false": False}

Option = TypeVar("Option", bound=str | int)


class Fields:
    """The fields of one request.

    Paths have dots: `calendarConfig.slug`. Null, an empty text, an empty list and an empty object count as missing.
    A required field that is missing or invalid gives a placeholder; callers call `check` before they use any value.
    In forms and queries, numbers and booleans are texts.
    """

    def __init__(self, values: Mapping[str, Any], *, texts: bool = False) -> None:
        self._values, self._texts = values, texts
        self._prefix = ""
        self.errors: dict[str, dict[str, str]] = {}

    def missing(self, path: str, rule: str = "required") -> None:
        message = f"The {_words(self._prefix + path)} field is mandatory."
        self.errors[self._prefix + path] = {"message": message, "rule": rule}

    def invalid(self, path: str) -> None:
        message = f"The {_words(self._prefix + path)} is invalid."
        self.errors.setdefault(self._prefix + path, {"message": message, "rule": "invalid"})

    def check(self) -> None:
        """Raises RefusedError if there is any error."""
        if self.errors:
            raise RefusedError(422, fields=self.errors)

    def given(self, path: str) -> Any:
        """The value at the path, of any type. None if it is missing, or below a value that is no object."""
        value: Any = self._values
        names = path.split(".")
        for depth, name in enumerate(names):
            if not isinstance(value, Mapping):
                self.invalid(".".join(names[:depth]))
                return None
            value = value.get(name)
            if value is None or value in ("", [], {}):
                return None
        return value

    def require(self, *paths: str) -> None:
        """Adds an error for each path that is missing."""
        for path in paths:
            if self.given(path) is None:
                self.missing(path)

    def text(self, path: str) -> str:
        """A required text."""
        self.require(path)
        return self.optional_text(path) or ""

    def optional_text(self, path: str) -> str | None:
        value = self.given(path)
        if value is None or isinstance(value, str):
            return value
        self.invalid(path)
        return None

    def slug(self, path: str) -> str:
        """A required slug: letters, digits, and single hyphens and underscores between them."""
        value = self.text(path)
        if value and not _SLUG.fullmatch(value):
            self.invalid(path)
        return value

    def flag(self, path: str) -> bool | None:
        value = self.given(path)
        if self._texts and isinstance(value, str):
            value = _FLAGS.get(value.lower(), value)
        if value is None or isinstance(value, bool):
            return value
        self.invalid(path)
        return None

    def number(self, path: str, least: int = 0, most: int = MOST) -> int | None:
        """A whole number."""
        value = self.given(path)
        if self._texts and isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:12])
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and least <= value <= most):
            return value
        self.invalid(path)
        return None

    def option(self, path: str, options: Collection[Option]) -> Option | None:
        """One of the options, which have the same type."""
        kind = type(next(iter(options)))
        value = self.number(path) if kind is int else self.optional_text(path)
        if value is None:
            return None
        for option in options:
            if option == value:
                return option
        self.invalid(path)
        return None

    def zone(self, path: str) -> str | None:
        """The name of a time zone."""
        name = self.optional_text(path)
        if name is None or _is_zone(name):
            return name
        self.invalid(path)
        return None

    def epoch_ms(self, path: str) -> int:
        """A required time in epoch milliseconds. A text that is no number gets 400, as does a list."""
        self.require(path)
        value = self.given(path)
        if value is None:
            return 0
        if not isinstance(value, str) or not _EPOCH_MS.fullmatch(value):
            raise error_replies.bad_request()
        if not FIRST_MS <= int(value) <= LAST_MS:
            self.invalid(path)
        return int(value)

    def instant(self, path: str, zone_name: str | None) -> datetime | None:
        """An ISO 8601 time. Without an offset, it is a local time in the given zone."""
        value = self.optional_text(path)
        if value is None:
            return None
        try:
            instant = datetime.fromisoformat(value)
            instant = instant if instant.tzinfo else instant.replace(tzinfo=zone(zone_name or "UTC"))
            if FIRST_MS <= to_ms(instant) <= LAST_MS:
                return instant
        except (ValueError, OverflowError):
            pass
        self.invalid(path)
        return None

    def texts(self, path: str) -> list[str] | None:
        """A list of texts."""
        value = self.given(path)
        if value is None or (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            return value
        self.invalid(path)
        return None

    def ids(self, path: str, known: Collection[str]) -> list[str]:
        """A required list of known ids."""
        self.require(path)
        ids = self.texts(path) or []
        if not all(each in known for each in ids):
            self.invalid(path)
        return ids

    def each(self, path: str) -> Iterator[Fields]:
        """The fields of each object in a list. Their errors are those of this request, below `path`."""
        value = self.given(path)
        if value is not None and not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
            self.invalid(path)
            return
        for each in value or ():
            fields = Fields(each, texts=self._texts)
            fields.errors, fields._prefix = self.errors, f"{self._prefix}{path}."
            yield fields


def form_values(raw: bytes) -> Json:
    """The fields of a form-encoded body. `a[b]=1` is the field `b` of the object `a`."""
    values: Json = {}
    for name, value in parse_qsl(raw.decode(errors="replace"), keep_blank_values=True):
        parent, bracket, child = name.removesuffix("]").partition("[")
        if not bracket:
            values[name] = value
        elif child:
            siblings = values.setdefault(parent, {})
            if isinstance(siblings, dict):
                siblings[child] = value
        else:
            items = values.setdefault(parent, [])
            if isinstance(items, list):
                items.append(value)
    return values


def _is_zone(name: str) -> bool:
    try:
        zone(name)
    except (KeyError, ValueError, OSError):  # KeyError for unknown names, OSError for names of folders
        return False
    return True


def _words(path: str) -> str:
    """The field's name in messages: `startDate` becomes "start date" (DOC)."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", path).lower()
