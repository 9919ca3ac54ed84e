"""Variants: which one counts if replies show a record in several ways.

Input:  the variants of one key: records of one reply, or rows of several lists; the digest that the warehouse holds.
Output: the variant that counts. The order of the variants never matters, so the same replies give the same rows. Pure.

The rules, in this order:

1. The newest, if each variant has the time of its last change.
2. The one that the warehouse holds. An unchanged reply then changes nothing.
3. The one with the smallest digest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from bookings_sync.records.columns import Key
from bookings_sync.records.instants import instant_ms
from bookings_sync.records.rows import Rows
from bookings_sync.records.tables import Table
from bookings_sync.records.values import epoch_ms

CHANGED_AT = ("updatedAt", "dateUpdated")
"""Fields that say when a record was last changed. The API documents none of them for contacts, teams and services, but
records have them now and then (OBS)."""

HeldDigests = Callable[[Table, str, Sequence[Key]], Mapping[Key, str]]
"""Looks up the live rows of a location whose first key column has one of these keys' values: row digests by key."""


def nothing_held(_: Table, __: str, ___: Sequence[Key]) -> Mapping[Key, str]:
    """The `HeldDigests` of an empty warehouse."""
    return {}


class Variant(NamedTuple):
    """One variant of a record: its digest, and its own time of the last change (epoch milliseconds).
    `text_digest` distinguishes records that make the same row."""

    digest: str
    changed_ms: int | None = None
    text_digest: str = ""


def best(variants: Sequence[Variant], held: str | None = None) -> int:
    """The position of the variant that counts. `held` is the digest of the row that the warehouse holds."""
    times = [each.changed_ms for each in variants if each.changed_ms is not None]
    newest = max(times) if len(times) == len(variants) else None
    left = [place for place, each in enumerate(variants) if newest is None or each.changed_ms == newest]
    return min(left, key=lambda place: (variants[place].digest != held, variants[place][::2]))


def variant_of(rows: Rows, position: int = 0) -> Variant:
    """The variant in one row."""
    return Variant(rows.digests[position], changed_ms(rows.columns, position))


def changed_ms(columns: pa.Table, position: int = 0) -> int | None:
    """A row's own time of the last change, epoch milliseconds; None if it has none."""
    if "updated_at" in columns.column_names:
        [at] = epoch_ms(columns["updated_at"].slice(position, 1))
        if at is not None:
            return at
    text = columns["extra"][position].as_py() if "extra" in columns.column_names else None
    try:
        return changed_in(orjson.loads(text)) if text and any(name in text for name in CHANGED_AT) else None
    except orjson.JSONDecodeError:  # too deep
        return None


def changed_in(record: Any) -> int | None:
    """A decoded record's own time of the last change, epoch milliseconds."""
    if not isinstance(record, dict):
        return None
    return next((at for name in CHANGED_AT if (at := instant_ms(record.get(name))) is not None), None)
