"""Held deletions: records that look deleted and stay, until there is more evidence. Rows of `held_deletions` and back.

Input:  `Hold`s of a run, or rows of the table.
Output: rows of the table, or `Hold`s.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any, Literal, cast

import pendulum
import pyarrow as pa
from pendulum import DateTime

from bookings_sync.records.columns import Key
from bookings_sync.records.tables import HELD_DELETIONS

Why = Literal["too many", "empty list", "no control", "other refusal"]

WHY: dict[Why, str] = {
    "too many": "too many at once",
    "empty list": "a whole list came empty, or nearly",
    "no control": "the API finds no appointment by its id",
    "other refusal": "refused in another way than an id that never existed",
}
"""Why deletions are held, for people."""

Ended = Literal["found", "confirmed", "repeated", "accepted", "another reason"]
"""How a hold ended: the record exists after all, or it was deleted. A deletion was confirmed by a later run, repeated
in enough runs, or accepted by the user. Or it is held for another reason now."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A record that looked deleted in each of `runs` runs. `rows` is greater than 1 if the hold is for a whole table.
    Times are UTC."""

    location_id: str
    table: str
    key: Key
    why: Why
    rows: int
    runs: int
    run_id: str
    first_seen_at: DateTime
    last_seen_at: DateTime
    ended_at: DateTime | None = None
    ended_as: Ended | None = None

    @property
    def record_key(self) -> str:
        return json.dumps(list(self.key))

    @property
    def hold_id(self) -> str:
        name = "\x1f".join((self.location_id, self.table, self.record_key, self.first_seen_at.isoformat()))
        return blake2b(name.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def hold_rows(holds: Iterable[Hold]) -> pa.Table:
    """Rows of the raw table `held_deletions`."""
    rows = [
        {
            **asdict(hold),
            "hold_id": hold.hold_id,
            "table_name": hold.table,
            "record_key": hold.record_key,
            "held_rows": hold.rows,
        }
        for hold in holds
    ]
    names = HELD_DELETIONS.names
    return pa.Table.from_pylist([{name: row[name] for name in names} for row in rows], schema=HELD_DELETIONS.schema)


def holds_from(rows: Iterable[Mapping[str, Any]]) -> Iterator[Hold]:
    """The holds in rows of the raw table `held_deletions`."""
    for row in rows:
        first, last = (pendulum.instance(row[name]).in_timezone("UTC") for name in ("first_seen_at", "last_seen_at"))
        key, why = tuple(json.loads(row["record_key"])), cast(Why, row["why"])
        location_id, table, run_id = row["location_id"], row["table_name"], row["run_id"]
        yield Hold(location_id, table, key, why, int(row["held_rows"]), int(row["runs"]), run_id, first, last)
