"""Deletion marks: recognises records that the API still returns, with a mark that they are deleted.

Input:  the setting `deleted_when`, and records: decoded ones, or `fast_path.Plain`.
Output: whether a record is marked, and the keys of the marked ones. Pure.

Personal fields may be hashed or dropped later, and the mark may be one of the fields that no column holds. So marks are
looked for in the records as the API wrote them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from bookings_sync.records.columns import Key, Record, value_at
from bookings_sync.records.fast_path import Plain
from bookings_sync.records.values import usable_id


class DeletionMark(NamedTuple):
    """A field, as a dotted path, and the value that marks a deletion, in lower case. Without a value, every value but
    null, false, 0 and an empty text does."""

    field: str
    value: str | None

    @classmethod
    def of(cls, text: str) -> DeletionMark:
        """The mark that a text such as `deleted=true` or `deletedAt` names."""
        field, equals, value = text.partition("=")
        return cls(field.strip(), value.strip().lower() if equals else None)

    def fits(self, value: Any) -> bool:
        if self.value is None:
            return bool(value)
        if isinstance(value, bool):
            return self.value == str(value).lower()
        return isinstance(value, str | int | float) and self.value == str(value).strip().lower()


class DeletionMarks(NamedTuple):
    """The marks of the configuration."""

    marks: tuple[DeletionMark, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> DeletionMarks:
        return cls(tuple(map(DeletionMark.of, texts)))

    def is_marked(self, record: Any) -> bool:
        """Whether a decoded record is marked as deleted."""
        return isinstance(record, dict) and any(mark.fits(value_at(record, mark.field)) for mark in self.marks)

    def unmarked(self, records: Sequence[Any]) -> list[Any]:
        """The decoded records that do not say so."""
        return [record for record in records if not self.is_marked(record)]

    def keys_of(self, records: Iterable[Any]) -> set[Key]:
        """The keys of the marked records among decoded and plain ones."""
        found: set[Key] = set()
        for record in records:
            if isinstance(record, Plain):
                found.update((record.ids[position],) for position in self._marked_positions(record))
            elif self.is_marked(record) and (record_id := usable_id(record.get("id"))) is not None:
                found.add((record_id,))
        return found

    def _marked_positions(self, plain: Plain) -> set[int]:
        found: set[int] = set()
        has_extras = any(plain.fields.extras)
        for mark in self.marks:
            if mark.field in plain.fields.values:
                found.update(_fitting(mark, plain.fields.values[mark.field]))
            elif has_extras:
                found.update(_fitting_extras(mark, plain.fields.extras))
        return found


NO_MARKS = DeletionMarks()


def _fitting(mark: DeletionMark, values: Sequence[Any] | pa.Array) -> list[int]:
    """The positions of the values that fit."""
    if isinstance(values, pa.Array):
        # Few distinct values, and nearly always none that fits.
        if not any(map(mark.fits, values.unique().to_pylist())):
            return []
        values = values.to_pylist()
    return [position for position, value in enumerate(values) if mark.fits(value)]


def _fitting_extras(mark: DeletionMark, extras: Sequence[Record | None]) -> list[int]:
    name = mark.field.partition(".")[0]
    return [
        position
        for position, extra in enumerate(extras)
        if extra is not None and name in extra and mark.fits(value_at(extra, mark.field))
    ]
