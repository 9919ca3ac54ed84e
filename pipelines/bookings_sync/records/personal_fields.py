"""Personal fields: which rule decides about each field of a record, and about each column.

Input:  the declared tables (`tables`).
Output: `known_fields`, the fields of a record that columns hold; `personal_field` of a column. `privacy` keeps,
        hashes or drops by them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from bookings_sync.config.privacy import PersonalField
from bookings_sync.records.schema import Nested
from bookings_sync.records.tables import SLOTS, TABLES, Column, Table, nested_tables
from bookings_sync.records.values import FIT, fit_id, usable_id

_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|[+-]\d\d:?\d\d))?)?")


class Leaf(NamedTuple):
    """A field that columns hold. `fits` is whether one of its columns takes a value, `takes_texts` whether one takes
    a hash."""

    personal: PersonalField | None
    fits: Callable[[Any], bool]
    takes_texts: bool


class Inside(NamedTuple):
    """A field with the rows of a nested table."""

    table: Table
    nested: Nested


Tree = dict[str, Any]
"""The known fields of a record by name: `Leaf`, `Inside`, or the tree of an object."""


def other_field(table: Table) -> PersonalField:
    """The rule of what no column of the table holds."""
    return "other" if table.resource == "appointments" or table is SLOTS else "member_other"


def personal_field(table: Table, column: Column) -> PersonalField | None:
    """The field that gives a column its rule; None if the column holds nothing personal."""
    if column.name == "extra":
        return other_field(table)
    if column.personal is not None or column.name in table.key:
        return column.personal
    if column.derived:  # perhaps from a whole list that has a separate table
        lists = {where.path: where.personal for _, where in nested_tables(table)}
        return lists.get(column.derived.source)
    return table.nested.personal if table.nested else None


@cache
def known_fields(table_name: str) -> Tree:
    """The known fields of the table's records, each where the record has it."""
    table = TABLES[table_name]
    tree: Tree = {}
    by_source: dict[str, list[Column]] = {}
    for column in table.columns:
        if source := (column.derived.source if column.derived else column.source):
            by_source.setdefault(source, []).append(column)
    for source, columns in by_source.items():
        _put(tree, source, _leaf_of(table, columns))
    for child, nested in nested_tables(table):
        _put(tree, nested.path, Inside(child, nested))
    return tree


def _put(tree: Tree, path: str, field: Leaf | Inside) -> None:
    *parents, leaf = path.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
    tree[leaf] = field


def _leaf_of(table: Table, columns: Sequence[Column]) -> Leaf:
    personal = next((column.personal for column in columns if column.personal), None)
    takes_texts = any(column.type in ("text", "json") for column in columns)
    if any(column.type == "timestamp" for column in columns):
        return Leaf(personal, _is_time, takes_texts)
    derived = next((column.derived for column in columns if column.derived), None)
    if derived:
        return Leaf(personal, lambda value: derived.compute([value])[0].is_valid, takes_texts)
    (column,) = columns
    if column.name in table.key:
        return Leaf(personal, lambda value: usable_id(value) is not None, takes_texts)
    fit = fit_id if column.is_id else FIT.get(column.type, lambda value: value)
    return Leaf(personal, lambda value: fit(value) is not None, takes_texts)


def _is_time(value: Any) -> bool:
    return FIT["timestamp"](value) is not None or (isinstance(value, str) and bool(_DATE.fullmatch(value)))
