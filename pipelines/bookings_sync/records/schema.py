"""What the declaration of a raw table consists of: its columns, its key, and where its rows are found.

Input:  nothing.
Output: `Column` and `Table`, from which `tables` declares every raw table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa

from bookings_sync.config.privacy import PersonalField

DataType = Literal["text", "bigint", "double", "bool", "timestamp", "json", "binary"]
"""`json` is JSON in a text column, which every warehouse reads alike. `timestamp` is UTC, in microseconds."""

Resource = Literal["locations", "teams", "services", "appointments", "slots", "runs"]
"""The dlt resources, in the order in which a load runs them."""

STAMPED = frozenset({"location_id", "deleted_at", "unchanged_since", "row_digest", "listed_by"})
"""Columns of history tables that no record fills. They are added when rows are written, and no digest covers them."""

_ARROW: dict[DataType, pa.DataType] = {
    "text": pa.string(),
    "json": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "binary": pa.binary(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True, slots=True)
class Derived:
    """A value computed from one field of the API's record. `compute` gets the field's values of many records."""

    source: str
    compute: Callable[[Sequence[Any] | pa.Array], pa.Array]


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    `source` is the dotted path of the field in the API's record, or None if the connector makes the value. `derived`
    computes a value that is not the field itself. `personal` names the field's privacy rule.
    """

    name: str
    type: DataType
    description: str
    source: str | None = None
    derived: Derived | None = None
    personal: PersonalField | None = None

    @property
    def is_id(self) -> bool:
        """Whether it holds an id from the API. Ids are texts; an integer counts as its digits."""
        return self.type == "text" and self.source is not None and self.name.endswith("_id")

    @property
    def arrow(self) -> pa.DataType:
        return _ARROW[self.type]


@dataclass(frozen=True, slots=True)
class Nested:
    """Where a table's rows are found inside the records of `parent`: at the dotted `path`.

    - `object`: one row.
    - `list`: a row per item. The source of the last key column is the item's id.
    - `lists by name`: an object of lists, with a row per item. The last two key columns are the list's name and the
      item's position in the list.
    """

    parent: Table
    path: str
    form: Literal["object", "list", "lists by name"] = "list"
    personal: PersonalField | None = None


@dataclass(frozen=True)
class Table:
    """One raw table.

    `key` makes a record unique, starting with `location_id` in a history table. With `history`, a row is one version
    of a record. `resource` is the dlt resource that fills the table. `nested` is None for the records of a reply.
    """

    name: str
    description: str
    resource: Resource
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    nested: Nested | None = None
    history: bool = True

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema(
            [pa.field(column.name, column.arrow, nullable=self.nullable(column)) for column in self.columns]
        )

    def nullable(self, column: Column) -> bool:
        return column.name not in (*self.key, "row_digest")

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def item_id(self) -> str:
        """The field with the id of an item of a nested list: the source of the last key column."""
        (source,) = (column.source for column in self.columns if column.name == self.key[-1])
        return source or self.key[-1]

    @cached_property
    def kept_as_text(self) -> frozenset[str]:
        """Columns that share their source with a text column, where a value of the wrong type stays readable."""
        texts = {column.source: column.name for column in self.columns if column.source and column.type == "text"}
        return frozenset(
            column.name for column in self.columns if texts.get(column.source or "", column.name) != column.name
        )
