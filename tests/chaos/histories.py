"""Histories: rounds of happenings and syncs, run with a real world, server and warehouse.

Input:  a `History`.
Output: `live`: one line per violation of a promise. The promises:

- After each undisturbed sync, the hot range equals the API. So does every change older than `cold_reread_days`, in the
  whole range and among the rows that the warehouse holds outside of it. After a sync of a given range, that range does.
- Each version in the warehouse was true when it was loaded, and a tombstone's record did not exist then: no team, no
  service, no appointment, and no slot. No record of one location is ever stored under another. All this holds while the
  API has any of the `troubles`, too.
- The first undisturbed sync after damage to the warehouse brings back every row that was as the API showed it.
- At the end, after one undisturbed full sync, the warehouse equals the truth field by field. The versions of a record
  follow one another without gap or overlap, unless somebody removed some of them. Another sync finds nothing.

Every location of a world has its own history, and one run syncs them all, because dlt needs a second for each load.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal

import duckdb
import pendulum
import stamina

from bookings_sync.config.settings import Settings
from bookings_sync.errors import LoadError
from bookings_sync.planning.windows import Window
from bookings_sync.sandbox import Fault, Faults, SandboxServer, Switches, World, WorldSpec, generate
from bookings_sync.sync import pipeline
from bookings_sync.sync.pipeline import SyncResult
from bookings_sync.sync.run import Run
from support.apis import Api, api_of, locations, truths
from support.older_program import OlderProgram
from support.oracle import (
    Existing,
    Seen,
    doubles,
    ended_falsely,
    existing_now,
    flaws,
    lies,
    out_of_reach,
    seen,
    shown,
    stale,
    strangers,
    unlisted,
)
from support.truth import differences
from support.variants import accept_variants
from support.victims import Death, Victims

from .damage import Damage, befall
from .happenings import Happening, happen
from .troubles import troubled

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
SLOT_DAYS = 2
WHOLE = {
    "history_start": date(2024, 1, 1),
    "lookback_days": 30,
    "horizon_days": 700,
    "scopes": ("service",),
    "window_days": 512,
    "contacts_changed_filter": True,
}
"""Settings that read every possible happening in few windows."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_HELD_SYNCS = 5
"""Syncs, four hours apart, after which no deletion may be held back any longer."""


@dataclass(frozen=True, slots=True)
class Sync:
    """One run: its range, its settings, and the troubles on the way."""

    reads: Literal["plain", "full", "asked"] = "plain"
    asked_from: int = 0
    asked_minutes: int = 1440
    knobs: tuple[tuple[str, Any], ...] = ()
    befalls: Literal["nothing", "crash", "faults", "change", "kill"] = "nothing"
    when: int = 0
    """The number of answers after which the run crashes or the calendar changes. Chooses the moment of a kill."""
    trouble: str = ""
    """One of `troubles.TROUBLES`: how the API answers during the run."""

    @property
    def undisturbed(self) -> bool:
        return self.befalls == "nothing" and not self.trouble and dict(self.knobs).get("request_budget", 1_000) >= 1_000


@dataclass(frozen=True, slots=True)
class Round:
    """The happenings in each location, their duration, the happenings during the sync, the sync, and damage."""

    happenings: tuple[tuple[Happening, ...], ...] = ()
    hours: int = 1
    life: bool = False
    meanwhile: tuple[Happening, ...] = ()
    sync: Sync = Sync()
    damage: tuple[Damage, ...] = ()
    """What befalls the warehouse before the sync."""
    apis: tuple[Api, ...] = ()
    """By location: the API that serves it from now on. Empty: as before."""


@dataclass(frozen=True, slots=True)
class History:
    """A small world and its rounds. `again` adds a last sync, which must find nothing. An older program makes the syncs
    of the first `older` rounds: an upgrade."""

    seed: int = 0
    locations: int = 1
    switches: tuple[tuple[str, Any], ...] = ()
    rounds: tuple[Round, ...] = ()
    again: bool = False
    older: int = 0
    apis: tuple[Api, ...] = ()
    """By location: the API that serves it at first. v1 serves those that are not named."""


@dataclass
class _Life:
    """One history while it runs."""

    history: History
    world: World
    server: SandboxServer
    database: str
    problems: list[str] = field(default_factory=list)
    changed_at: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """The last instant at which an appointment can have changed."""
    truth: Seen = field(default_factory=dict)
    loads: dict[str, tuple[Seen, ...]] = field(default_factory=dict)
    """The appointments that the API showed during each load, before and after a change."""
    omitted_at: datetime = _NEVER
    """When the API last had trouble."""
    existing: dict[str, Collection[Existing]] = field(default_factory=dict)
    """The teams, services and slots that existed before and after each load that had trouble."""
    copies: list[Path] = field(default_factory=list)
    """The warehouse after each round, if damage restores any."""
    lost: Seen = field(default_factory=dict)
    """The appointments that were as the API showed them before damage that no undisturbed sync has followed yet."""
    moved_at: dict[str, datetime] = field(default_factory=dict)
    """By location: when it last moved to another API."""
    victims: Victims | None = None
    older: OlderProgram | None = None
    """The program until the upgrade."""
    apis: dict[str, Api] = field(default_factory=dict)
    """The API of each location."""

    def __post_init__(self) -> None:
        self.apis = {each.id: "v1" for each in self.world.locations}
        self.move(self.history.apis)

    def move(self, apis: tuple[Api, ...]) -> None:
        """Replaces the locations' keys."""
        moved = {each.id: api for each, api in zip(self.world.locations, apis, strict=False)}
        self.moved_at |= {each: self.world.now for each, api in moved.items() if api != self.apis[each] and self.loads}
        self.apis |= moved

    def settings(self, **knobs: Any) -> Settings:
        plain: dict[str, Any] = {
            "base_url": self.server.base_url,
            "v2_base_url": self.server.base_url_v2,
            "locations": locations(self.world, self.apis),
            "rate_limit": 100_000,
            "rate_period_seconds": 0.1,
            "read_timeout_seconds": 10,
            "slots_horizon_days": SLOT_DAYS,
            "history_start": date(2026, 8, 1),
            "lookback_days": 20,
            "horizon_days": 40,
            "attempts": 2,
        }
        if not any(round_.sync.trouble for round_ in self.history.rounds):
            # Worlds of eight appointments lose most of them at once. Without trouble, it must be seen at once.
            plain |= {"deletion_guard_percent": 100, "deletion_evidence_runs": 1, "deletion_evidence_hours": 0}
        return Settings(**plain | knobs)

    def clock(self) -> pendulum.DateTime:
        return pendulum.instance(self.world.now)

    def note_changes(self) -> None:
        """Compares the truth with what it was when this was last asked."""
        now = shown(self.world, self.apis)
        for key in now.keys() | self.truth.keys():
            if now.get(key) != self.truth.get(key):
                self.changed_at[key] = self.world.now
        self.truth = now

    def round(self, round_: Round) -> None:
        for location, happenings in zip(self.world.locations, round_.happenings, strict=False):
            for happening in happenings:
                happen(self.world, location.id, happening)
        if round_.life:
            self.world.advance(timedelta(hours=round_.hours))
        else:
            self.world.now_ms += round_.hours * 3_600_000
        self.move(round_.apis)
        self.note_changes()
        if round_.sync.trouble:
            self.omitted_at = self.world.now
        self.damage(round_.damage)
        with troubled(self.server, round_.sync.trouble):
            self.note_changes()
            before, existing = self.truth, existing_now(self.world, SLOT_DAYS)
            result = self.sync_by_older() if self.older else self.sync(round_.sync, round_.meanwhile)
            self.note_changes()
            self.note_loads((before, self.truth), existing & existing_now(self.world, SLOT_DAYS))
        self.note_changes()
        if result is not None and round_.sync.undisturbed:
            if result.outcome not in ("ok", "held"):
                self.problems.append(f"an undisturbed sync ended {result.outcome}: {result.row['errors']}")
            self.check(round_.sync, is_held=result.outcome == "held")
        if any(each.kind.startswith("restore") for round_ in self.history.rounds for each in round_.damage):
            self.copies.append(Path(f"{self.database}.{len(self.copies)}"))
            if Path(self.database).exists():
                shutil.copyfile(self.database, self.copies[-1])
            else:
                self.copies.pop()

    def damage(self, damage: tuple[Damage, ...]) -> None:
        if damage and self.loads and not self.lost:
            held = seen(self.database)
            self.lost = {key: row for key, row in held.items() if self.truth.get(key) == row}
        for each in damage:
            befall(each, Path(self.database), self.copies)

    def sync(self, sync: Sync, meanwhile: tuple[Happening, ...] = ()) -> SyncResult | None:
        """Syncs; None where the run came to an untimely end."""
        settings = self.settings(**dict(sync.knobs))
        if sync.befalls == "kill":
            return self.kill(settings, sync)
        before = self.server.faults
        if sync.befalls == "faults":
            self.server.faults = Faults((*before.rules, *_storm(sync.when).rules), seed=sync.when)
        asked = _window(self.world, sync) if sync.reads == "asked" else None
        try:
            return pipeline.sync(
                settings,
                clock=self.clock,
                asked=asked,
                full=sync.reads == "full",
                on_progress=self.upset(sync, meanwhile),
            )
        except LoadError:
            if sync.befalls != "crash":
                raise
            return None
        finally:
            self.server.faults = before

    def sync_by_older(self) -> None:
        assert self.older is not None
        answer = self.older.sync(self.settings(), self.world.now)
        if answer.get("outcome") not in ("ok", "held", "partial", "failed"):
            self.problems.append(f"the older program ended with {answer}")

    def upgrade(self) -> None:
        """From now on, today's program syncs. The older one left a warehouse of version 1."""
        if self.older:
            self.older = None
            with duckdb.connect(self.database) as connection:
                connection.execute("UPDATE bookings_raw._bookings_properties SET value = '1' WHERE name = 'version'")

    def kill(self, settings: Settings, sync: Sync) -> None:
        assert self.victims is not None
        moment, most = _MOMENTS[sync.when % len(_MOMENTS)]
        death = Death(moment, 1 + sync.when * most // 40)
        self.victims.order("sync", self.database, self.world.now, death, settings, full=sync.reads == "full")

    def upset(self, sync: Sync, meanwhile: tuple[Happening, ...]) -> Callable[[Run], None] | None:
        if sync.befalls not in ("crash", "change"):
            return None
        answers = 0

        def on_progress(_: Run) -> None:
            nonlocal answers
            answers += 1
            if answers == sync.when + 1:
                if sync.befalls == "crash":
                    raise RuntimeError("the end")
                for happening in meanwhile:
                    for location in self.world.locations:
                        happen(self.world, location.id, happening)

        return on_progress

    def note_loads(self, truths: tuple[Seen, ...], existing: Collection[Existing] = ()) -> None:
        if not Path(self.database).exists():
            return
        with duckdb.connect(self.database, read_only=True) as connection:
            if connection.sql("SELECT 1 FROM duckdb_tables() WHERE table_name = 'appointments'").fetchone():
                loads = connection.sql("SELECT DISTINCT _dlt_load_id FROM bookings_raw.appointments").fetchall()
                for (load_id,) in loads:
                    if load_id not in self.loads:
                        self.loads[load_id], self.existing[load_id] = truths, existing

    def check(self, sync: Sync, *, is_held: bool) -> None:
        """Bounded staleness. If deletions are held back, rows may still be there. So may rows that their lists omitted
        while the API found them by their ids: these are asked for again within `cold_reread_days`."""
        settings = self.settings(**dict(sync.knobs))
        if "service" not in settings.scopes:
            return
        now = self.world.now
        hot = (now - timedelta(days=settings.lookback_days), now + timedelta(days=settings.horizon_days))
        start = datetime.combine(settings.history_start, time(tzinfo=UTC))
        whole = (min(start, hot[0]), hot[1])
        old = now - timedelta(days=settings.cold_reread_days)
        long_ago = {key for key, at in self.changed_at.items() if at <= old}
        held, hidden = seen(self.database), out_of_reach(self.world, self.database)
        if is_held or self.omitted_at > old:
            held = {key: row for key, row in held.items() if key in self.truth}
        elsewhere = hidden | unlisted(self.world, self.truth, held)
        if sync.reads != "asked":
            lost = {key for key, row in self.lost.items() if self.truth.get(key) == row}
            self.problems += stale(self.truth, held, *whole, "lost", but=hidden, among=lost)
            self.lost = {}
        if sync.reads == "asked":
            window = _window(self.world, sync)
            self.problems += stale(self.truth, held, window.start, window.end, "in the asked range", but=elsewhere)
        elif sync.reads == "full":
            self.problems += stale(self.truth, held, *whole, "in all that is read", but=hidden)
        else:
            self.problems += stale(self.truth, held, *hot, "in the hot range", but=elsewhere)
            self.problems += stale(self.truth, held, *whole, "changed long ago", but=hidden, among=long_ago)
            ever, kept = (_NEVER, datetime.max.replace(tzinfo=UTC)), long_ago & held.keys()
            self.problems += stale(self.truth, held, *ever, "held, and changed long ago", but=hidden, among=kept)

    def end(self) -> None:
        last = Sync(reads="full", knobs=tuple(WHOLE.items()))
        self.note_changes()
        for _ in range(_HELD_SYNCS):
            result = self.sync(last)
            self.note_loads((self.truth,))
            assert result is not None
            if result.outcome == "ok":
                break
            self.world.now_ms += 4 * 3_600_000
            self.note_changes()
        if result.outcome != "ok":
            self.problems.append(f"the last sync ended {result.outcome}: {result.row['errors']}")
        self.equal("at the end")
        damage = [each for round_ in self.history.rounds for each in round_.damage]
        is_whole = all(each.keeps_versions_whole for each in damage)
        self.problems += flaws(self.database) if is_whole else doubles(self.database)
        self.problems += lies(self.database, self.loads)
        self.problems += ended_falsely(self.database, self.existing)
        self.problems += strangers(self.database, self.world)
        if self.history.again:
            changes = pipeline.sync(self.settings(**WHOLE), clock=self.clock).changes
            if changes.total and self.world.switches.moving_field == "none":
                self.problems.append(f"nothing happened, and yet another sync found {changes}")
            self.equal("after one more sync")

    def equal(self, when: str) -> None:
        ahead = self.world.now + timedelta(days=SLOT_DAYS)
        hidden = out_of_reach(self.world, self.database)
        told = truths(self.world, self.apis, ahead)
        for truth in told:
            location_id = truth["location"]["id"]
            is_v2 = api_of(self.apis, location_id) == "v2"
            for name in ("events", "blockedSlots") if is_v2 else ("appointments",):
                truth[name] = [
                    row
                    for row in truth[name]
                    if (location_id, row["id"]) not in hidden and row.get("deleted") is not True
                ]
            accept_variants(self.database, self.world, truth)
            if not is_v2:
                self.hide_contacts(location_id, truth["appointments"])
        self.problems += [f"{when}: {each}" for each in differences(self.database, told, slot_days=SLOT_DAYS)]

    def hide_contacts(self, location_id: str, rows: list[dict[str, Any]]) -> None:
        """Hides contacts that no reply can show: their rows are in no list, and single rows come without a contact."""
        if self.world.switches.contact_in_get:
            return
        data = self.world.data[location_id]
        listed = {*data.services}
        if self.world.switches.vanished_service == "listed":
            listed |= {*data.deleted_services}
        for row in rows:
            if data.appointments[row["id"]].service_id not in listed:
                row.pop("contact", None)


_MOMENTS = (("statement", 160), ("a table merged", 14), ("answer", 60), ("a table staged", 20))
"""Moments of kills, and their number in a run."""


def live(history: History, folder: Path, victims: Victims | None = None) -> list[str]:
    """Runs a history with a new warehouse in `folder`. Returns one line per violation. `victims` carry out the syncs
    that are killed."""
    database = folder / "warehouse.duckdb"
    for file in folder.glob("warehouse.duckdb*"):
        file.unlink()
    os.environ["DESTINATION__DUCKDB__CREDENTIALS"] = str(database)
    world = generate(
        WorldSpec(
            now=NOW,
            seed=history.seed,
            locations=history.locations,
            teams_per_location=2,
            services_per_location=2,
            members_per_location=3,
            appointments=8 * history.locations,
            past_days=60,
            future_days=30,
            opaque_key_share=0,
        )
    )
    with (
        stamina.set_testing(True, attempts=100, cap=True),
        SandboxServer(world, switches=replace(Switches(), **dict(history.switches))) as server,
    ):
        life = _Life(history, world, server, str(database), victims=victims)
        if history.older:
            life.older = OlderProgram.copied(folder / f"older-{len(list(folder.iterdir()))}").aged()
        for number, round_ in enumerate(history.rounds):
            if number == history.older:
                life.upgrade()
            life.round(round_)
        life.upgrade()
        life.end()
        return life.problems


def _window(world: World, sync: Sync) -> Window:
    start = world.now_ms + sync.asked_from * 86_400_000
    return Window(start, start + max(sync.asked_minutes, 1) * 60_000)


def _storm(seed: int) -> Faults:
    """Makes half of all requests fail."""
    kinds = ("503", "reset", "truncated", "cut", "list", "html")
    return Faults([Fault(kind=kind, rate=0.11) for kind in kinds], seed=seed)  # type: ignore[arg-type]
