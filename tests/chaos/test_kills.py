"""SIGKILL at each boundary of a load's stages and at random moments: the next run converges.

After each kill the warehouse must not lie: its versions are in order, each was true, and no tombstone is of a record
that existed. After the next run it must equal the truth, with no key twice, and the killed run's lock must have freed
itself. All this holds while the API has any of the `troubles`, for one sync or for good.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import duckdb
import pendulum
import pytest

from bookings_sync.models.transform import Datasets, transform
from bookings_sync.sandbox import Switches
from bookings_sync.sync import pipeline
from integration.sync.conftest import Site, Tally, small
from support.apis import BOTH, Api, alternating, truths
from support.oracle import Existing, Seen, ended_falsely, existing_now, flaws, lies, shown, strangers
from support.truth import differences
from support.variants import accept_variants
from support.victims import BOUNDARIES, Death, Victims

from .conftest import CHAOS_SEED, amount
from .troubles import LASTING, TROUBLES, troubled

WORLD = small(appointments=240, past_days=120, services_per_location=2, locations=2, opaque_key_share=0)
KNOBS: dict[str, Any] = {
    "reads_per_load": 14,
    "max_window_days": 32,
    "rows_per_reply": 30,
    "attempts": 1,
    "contacts_changed_filter": True,
}
"""A run is several loads, and asks for v2's contacts that changed: the warehouse must equal the calendar after it."""

RANDOM_DEATHS = amount(2, 60)


def deaths(rng: random.Random, number: int) -> list[Death]:
    """Random moments in the loads of a first sync or a later one."""
    most = {"answer": 30, "statement": 160, "milliseconds": 2_500, "a table staged": 20, "a table merged": 14}
    moments = [rng.choice(list(most)) for _ in range(number)]
    return [Death(moment, rng.randint(1, most[moment])) for moment in moments]


APIS: tuple[Api, ...] = amount(("v1",), BOTH)
"""Of one of two locations. v2 serves the other one."""


def served(site: Site, api: Api) -> Site:
    """The site, with its first location served by this API and the others by both in turn."""
    site.apis = alternating(site.world) | {site.location_id: api}
    return site


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("first", [True, False], ids=["first-sync", "later-sync"])
def test_boundaries(open_site: Callable[..., Site], victims: Victims, tally: Tally, api: Api, first: bool) -> None:
    """A kill at the end of each stage in turn. In a first sync these are the stages of its second load."""
    site = served(open_site(WORLD, **KNOBS), api)
    if not first:
        site.sync()
    for boundary in BOUNDARIES[int(first) :: amount(2, 1)]:
        site.world.advance(timedelta(hours=30))
        death = Death(boundary, 2 if first else 1)
        died = victims.order("sync", str(site.database), site.world.now, death, site.settings)
        assert died, f"it ended before: {boundary}"
        tally("kills on DuckDB", 1)
        assert flaws(str(site.database)) == []
        if CHAOS_SEED and not first:
            converges(site)
    converges(site)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("answers", ["well", "in-trouble", "in-another-form"])
def test_random_moments(open_site: Callable[..., Site], victims: Victims, tally: Tally, api: Api, answers: str) -> None:
    """The API answers well; or each killed run meets another trouble, which has ended before the next run converges; or
    its replies have another form for good."""
    rng = random.Random(f"{CHAOS_SEED} {api} {answers}")
    forms = [{}] if answers != "in-another-form" else [dict([each]) for each in LASTING]
    troubles = [""] if answers != "in-trouble" else list(TROUBLES)
    site, watch, died = None, Watch(), 0
    for number, death in enumerate(deaths(rng, RANDOM_DEATHS)):
        if site is None or (number % 10 == 5 and number > 5):
            if site is not None:  # another first sync, in a world that still has all its services
                site.database.unlink()
            site = served(open_site(WORLD, switches=Switches().changed(rng.choice(forms)), **KNOBS), api)
            watch = Watch()
        site.world.advance(timedelta(hours=rng.randint(1, 60)))
        trouble = rng.choice(troubles)
        with troubled(site.server, trouble):
            shown_now = shown(site.world, site.apis)
            died += victims.order("sync", str(site.database), site.world.now, death, site.settings)
        if site.database.exists() and has_tables(site):
            assert watch.problems(site, shown_now) == [], (death, trouble)
        if rng.random() < 0.6 or number == RANDOM_DEATHS - 1:
            converges(site, (death, trouble), watch)
    tally("kills on DuckDB", died)
    tally(f"kills with an API {answers}", died)
    assert died >= RANDOM_DEATHS // 2, "most runs ended before they were killed: nothing was proved"


@dataclass
class Watch:
    """Compares each version with what the API showed during its load."""

    loads: dict[str, tuple[Seen, ...]] = field(default_factory=dict)
    existing: dict[str, Collection[Existing]] = field(default_factory=dict)

    def problems(self, site: Site, shown_now: Seen) -> list[str]:
        """Nothing but syncs has happened since the world was as it is now."""
        database, existing = str(site.database), existing_now(site.world, site.settings.slots_horizon_days)
        for row in site.query("SELECT DISTINCT _dlt_load_id AS id FROM appointments"):
            self.loads.setdefault(row["id"], (shown_now,))
        for table in ("teams", "services", "slots"):
            for row in site.query(f"SELECT DISTINCT _dlt_load_id AS id FROM {table}"):
                self.existing.setdefault(row["id"], existing)
        return [
            *flaws(database),
            *lies(database, self.loads),
            *ended_falsely(database, self.existing),
            *strangers(database, site.world),
        ]


def converges(site: Site, after: object = "", watch: Watch | None = None) -> None:
    """One undisturbed run right after the kill: the lock must be free."""
    assert site.sync().row["errors"] == "[]", after
    days = site.settings.slots_horizon_days
    told = truths(site.world, site.apis, site.world.now + timedelta(days=days))
    for truth in told:
        accept_variants(str(site.database), site.world, truth)
    assert differences(str(site.database), told, slot_days=days) == [], after
    assert (flaws(str(site.database)) if watch is None else watch.problems(site, shown(site.world, site.apis))) == [], (
        after
    )


def has_tables(site: Site) -> bool:
    with duckdb.connect(str(site.database), read_only=True) as connection:
        tables = connection.sql("SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'bookings_raw'").fetchall()
    return bool(tables[0][0] >= 10)


def test_transform(open_site: Callable[..., Site], victims: Victims, tally: Tally) -> None:
    """A kill while the models are built, audited or swapped: all live tables are from the run before, or all from the
    run that was killed."""
    site = open_site(small(appointments=60, opaque_key_share=0))
    site.sync()
    build(site)
    rng = random.Random(CHAOS_SEED)
    for _ in range(amount(2, 20)):
        before = marts(site)
        site.world.advance(timedelta(days=2))
        site.sync()
        death = Death("statement", rng.randint(1, 400))
        if victims.order("transform", str(site.database), site.world.now, death, site.settings):
            tally("kills on DuckDB", 1)
        left = marts(site)
        build(site)
        assert left in (before, marts(site)), death


def build(site: Site) -> None:
    datasets = Datasets(site.settings.raw_dataset, site.settings.staging_dataset, site.settings.marts_dataset)
    with pipeline.open_pipeline(site.settings) as opened, opened.sql_client() as client:
        transform(client, datasets, now=pendulum.instance(site.world.now))


def marts(site: Site) -> dict[str, tuple[Any, ...]]:
    """A checksum of each live table."""
    with duckdb.connect(str(site.database), read_only=True) as connection:
        names = connection.sql(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name IN ('bookings_marts', 'bookings_staging')"
            " AND NOT ends_with(table_name, '__next') ORDER BY ALL"
        ).fetchall()
        return {
            name: connection.sql(
                f"SELECT count(*), sum(hash(each)::HUGEINT) FROM {schema_of(name)}.{name} AS each"
            ).fetchall()[0]
            for (name,) in names
            if not name.startswith("_")
        }


def schema_of(model: str) -> str:
    return "bookings_staging" if model.startswith("stg_") else "bookings_marts"
