"""Where an API's records have the fields of a table, if it calls them otherwise than the columns' sources in `tables`.

Input:  a dialect's declaration, and decoded records.
Output: the records under the names that `tables` declares. `fast_path` reads an API's own names without this step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bookings_sync.records.json_text import Record

_MOST_SHAPES = 1_000
"""Orders of fields to remember. If there are more, the API uses data as names."""


@dataclass(frozen=True, eq=False)
class FieldNames:
    """The names of one API. `found_in` has, for each field that the API calls otherwise, the API's names. Of several,
    the first one that a record has counts. An empty tuple: the API has no such field.

    A field of the API that has the name of another field of the table, with another meaning, is kept as `other` and
    its name.
    """

    found_in: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    status_of_blocked: str | None = None
    """The `status` of appointments without a contact, if the API gives them none."""

    def of(self, source: str) -> tuple[str, ...]:
        """The API's names of a field, the most important one first."""
        return self.found_in.get(source, () if source in self._used else (source,))

    def of_extra(self, name: str) -> str:
        """The name under which a field that no column holds is kept."""
        is_other = name in self.found_in and name not in self._used
        return f"other{name[0].upper()}{name[1:]}" if is_other else name

    def renamed(self, record: Any) -> Any:
        """A decoded record under the names of `tables`. Any other JSON value comes back as it is."""
        if not isinstance(record, dict) or self is AS_DECLARED:
            return record
        names = tuple(record)
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._shape(names)
            if len(self._shapes) < _MOST_SHAPES:
                self._shapes[names] = shape
        found: Record = {source: record[name] for source, name in shape}
        if self.status_of_blocked is not None and found.get("contactId") is None:
            return {"status": self.status_of_blocked, **found}
        return found

    def _shape(self, names: tuple[str, ...]) -> list[tuple[str, str]]:
        """For a record with these fields in this order: the fields to give it, and the field of each one's value."""
        kept = [(self.of_extra(name), name) for name in names if name not in self._used]
        found = {
            source: next((each for each in others if each in names), None) for source, others in self.found_in.items()
        }
        return kept + [(source, name) for source, name in found.items() if name is not None]

    @cached_property
    def _shapes(self) -> dict[tuple[str, ...], list[tuple[str, str]]]:
        """What was worked out for each order of fields. A list has few of them."""
        return {}

    @cached_property
    def _used(self) -> frozenset[str]:
        return frozenset(name for names in self.found_in.values() for name in names)


AS_DECLARED = FieldNames()
"""The API uses the names of `tables`."""
