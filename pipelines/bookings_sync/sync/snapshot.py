"""The snapshot: what the warehouse held of a run's locations when the run began.

Input:  the history that earlier runs left.
Output: `Snapshot`, which never changes. The planner keeps what the run itself reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pendulum import DateTime

from bookings_sync.changes.held import Held
from bookings_sync.config.settings import Settings
from bookings_sync.planning.calendar import Calendar
from bookings_sync.planning.look_ups import LookUp, Named, Unlisted
from bookings_sync.planning.plan import whole_range
from bookings_sync.planning.planner import Outside
from bookings_sync.warehouse.history import History


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the warehouse held at the beginning of a run.

    `held_locations` are the rows of `locations` by id. `with_rows` are the locations with any other row. The custom
    fields of `torn_contacts`, by location, may not match the digest of their contact, because a load was torn.
    `outside` are the days beyond the whole range that hold appointments. `look_ups` are the answers to appointments
    that were asked for by their ids in turn, and `unlisted` the appointments that no list returns.
    """

    calendars: Mapping[str, Calendar]
    held_locations: Mapping[str, Held]
    with_rows: frozenset[str]
    torn_contacts: Mapping[str, set[str]]
    outside: Outside
    look_ups: Mapping[str, Mapping[Named, LookUp]]
    unlisted: Mapping[str, Sequence[Unlisted]]
    newest_version: DateTime | None


def take_snapshot(history: History, held_locations: Mapping[str, Held], settings: Settings, now: DateTime) -> Snapshot:
    """Asks the warehouse for everything that a run needs to know at its beginning."""
    return Snapshot(
        calendars=history.calendars(),
        held_locations=held_locations,
        with_rows=frozenset(history.locations_with_rows()),
        torn_contacts=history.torn_contacts(),
        outside=history.outside(whole_range(settings, now), settings.scopes),
        look_ups=history.look_ups(),
        unlisted=history.unlisted(settings.scopes),
        newest_version=history.newest_version(),
    )
