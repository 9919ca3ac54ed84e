"""The snapshot: what the warehouse held of a run's locations when the run began.

Input:  the history that earlier runs left.
Output: `Snapshot`, which never changes. The planner keeps what the run itself reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pendulum import DateTime

from bookings_sync.changes.contents import Counted, lost_tables, without_lost_rows
from bookings_sync.changes.held import Held
from bookings_sync.changes.invalidation import ReadOfRun, before_torn_load, unsure_of_rows
from bookings_sync.config.settings import Settings
from bookings_sync.planning.calendar import Calendar
from bookings_sync.planning.ledger import Ledger, Read, with_lost_rows
from bookings_sync.planning.look_ups import LookUp, Named, Unlisted
from bookings_sync.planning.plan import Span, whole_range
from bookings_sync.planning.planner import Outside
from bookings_sync.planning.scopes import Scope
from bookings_sync.records.holds import Hold
from bookings_sync.records.tables import LOCATIONS
from bookings_sync.warehouse.history import History


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the warehouse held at the beginning of a run.

    `held_locations` are the rows of `locations` by id. `with_rows` are the locations with any other row. The custom
    fields of `torn_contacts`, by location, may not match the digest of their contact, because a load was torn.
    `outside` are the days beyond the whole range that hold appointments. `look_ups` are the answers to appointments
    that were asked for by their ids in turn, and `unlisted` the appointments that no list returns. `ledger` are the
    reads of earlier runs, as far as this run relies on them, and `torn` the reads of loads that never completed.
    `unsure` are the reads whose rows such a load may have written in another way, without an entry that says so.
    `counted` are the versions in each table. `lost` are the
    tables that hold other rows than the last sync left there, by location.
    `holds` are the deletions that earlier runs hold back.
    """

    calendars: Mapping[str, Calendar]
    held_locations: Mapping[str, Held]
    with_rows: frozenset[str]
    torn_contacts: Mapping[str, set[str]]
    outside: Outside
    look_ups: Mapping[str, Mapping[Named, LookUp]]
    unlisted: Mapping[str, Sequence[Unlisted]]
    newest_version: DateTime | None
    ledger: Ledger
    torn: Ledger
    unsure: frozenset[ReadOfRun]
    counted: Sequence[Counted]
    lost: Mapping[str, set[str]]
    holds: Sequence[Hold]


def take_snapshot(history: History, held_locations: Mapping[str, Held], settings: Settings, span: Span) -> Snapshot:
    """Asks the warehouse for everything that a run needs to know at its beginning."""
    counted, reads = history.counted(), history.reads()
    lost = lost_tables(counted, reads)
    torn_load = max((each.torn_load for each in counted), default="")
    torn_loads: dict[str, str] = {}
    for each in counted:
        torn_loads[each.location_id] = max(each.torn_load, torn_loads.get(each.location_id, ""))
    torn = Ledger(history.torn_reads())
    relied_on = list(without_lost_rows(before_torn_load(reads, torn_load), lost))
    return Snapshot(
        calendars=_with_scopes_of(history.calendars(), relied_on, lost),
        held_locations=held_locations,
        # A first sync looks nothing up. That is only safe if the ledger knows nothing of the location either.
        with_rows=frozenset(each.location_id for each in counted if each.table != LOCATIONS.name) | lost.keys(),
        torn_contacts=history.torn_contacts() if torn_load else {},
        outside=history.outside(whole_range(settings, span.now), settings.scopes),
        look_ups=history.look_ups(),
        unlisted=history.unlisted(settings.scopes),
        newest_version=history.newest_version(),
        ledger=Ledger(map(with_lost_rows, relied_on) if span.full else relied_on),
        torn=torn,
        unsure=unsure_of_rows(reads, torn_loads, torn.locations) if torn_load else frozenset(),
        counted=counted,
        lost=lost,
        holds=history.holds(),
    )


def _with_scopes_of(
    calendars: Mapping[str, Calendar], reads: Iterable[Read], lost: Collection[str]
) -> dict[str, Calendar]:
    """The calendars, and for locations with lost rows also the scopes whose lists had rows: the services of the rows
    may have disappeared."""
    found: dict[str, set[Scope]] = {}
    for read in reads:
        if read.location_id in lost and read.endpoint == "appointments" and read.reply_rows:
            found.setdefault(read.location_id, set()).add(read.scope)
    known = dict(calendars)
    for location_id, scopes in found.items():
        calendar = known.get(location_id, Calendar())
        known[location_id] = replace(
            calendar, appointment_scopes=tuple(sorted({*calendar.appointment_scopes, *scopes}))
        )
    return known
