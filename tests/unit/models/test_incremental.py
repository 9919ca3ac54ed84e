"""Incremental: built of what changed, the models must be what they are when all is built again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bookings_sync.models.project import Project, find_models
from bookings_sync.models.transform import AuditsFailedError, ModelError

from .conftest import NOW, Warehouse, open_warehouse

STARTS = ["2025-03-05T09:00:00Z", "2025-03-09T23:30:00Z", "2025-10-26T00:30:00Z", None]
STILL = 30
"""Appointments that stay as they are: where more than a fifth of all versions are others, all is built again."""


class Calendar:
    """Raw tables as syncs leave them, version by version, each seen a while after the one before."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.now = NOW
        for dataset in ("staging_data", "marts_data", "staging_data_whole", "marts_data_whole"):
            warehouse.client.execute_sql(f"DROP SCHEMA IF EXISTS {dataset} CASCADE")
        warehouse.create_raw()
        self.see("locations", {"name": "One"}, timezone="Europe/Berlin")
        self.see("services", {"id": "S1"}, slot_duration=30, team_id="T1")
        for number in range(STILL):
            self.book(f"still{number}", STARTS[number % 4], number)

    def see(self, table: str, key: dict[str, Any], **values: Any) -> None:
        """A new version, which ends the one before."""
        self.now = self.now.add(minutes=10)
        at, where = self.now.isoformat(), " AND ".join(f"{name} = '{value}'" for name, value in key.items())
        self.warehouse.client.execute_sql(
            f"UPDATE raw_data.{table} SET _dlt_valid_to = '{at}' WHERE _dlt_valid_to IS NULL AND {where}"
        )
        self.warehouse.insert(table, {**key, **values, "_dlt_valid_from": at})

    def book(self, key: str, start: str | None, number: int, **more: Any) -> None:
        """An appointment, with values that the number tells."""
        self.see(
            "appointments",
            {"id": key},
            start_time=start,
            service_id=["S1", "S2", ""][number % 3],
            contact_id=[f"C{number % 4}", None][number % 5 == 4],
            user_id=["U1", "U2", None][number % 3],
            appoinment_status=["new", "showed", "noshow", "cancelled"][number % 4],
            created_at=[None, "2025-02-01T00:00:00Z"][number % 2],
            selected_timezone="Asia/Tokyo",
            timezone="Asia/Tokyo",
            **more,
        )

    def transform(self, **options: Any) -> int | None:
        return self.warehouse.transform(now=self.now, **options).rebuilt

    def check(self) -> None:
        """What is live is what is built whole, elsewhere, at the same time."""
        assert self.transform(dev="whole") is None
        for model in self.warehouse.project.models.values():
            columns, dataset = ", ".join(model.header.columns), self.warehouse.datasets.of(model.layer)
            live, whole = (
                sorted(
                    map(_alike, self.warehouse.client.execute_sql(f"SELECT {columns} FROM {name}.{model.name}") or ())
                )
                for name in (dataset, f"{dataset}_whole")
            )
            assert live == whole, model.name

    def statuses(self) -> dict[str, str]:
        rows = self.warehouse.client.execute_sql("SELECT appointment_id, status FROM marts_data.fct_appointments")
        return dict(rows or ())


def _alike(row: tuple[Any, ...]) -> str:
    """A row as text; reals to nine digits, for a mean of them depends on their order."""
    return str([f"{value:.9g}" if isinstance(value, float) else value for value in row])


@pytest.fixture
def calendar(warehouse: Warehouse) -> Calendar:
    return Calendar(warehouse)


KEY = st.sampled_from(["a", "b", "still1"])
STEP = st.one_of(
    st.tuples(st.just("book"), KEY, st.sampled_from(STARTS), st.integers(0, 20)),
    st.tuples(st.just("delete"), KEY),
    st.tuples(st.just("vanish"), KEY),
    st.tuples(st.just("service"), st.sampled_from(["S1", "S2"]), st.sampled_from([15, 30, None])),
    st.tuples(st.just("zone"), st.sampled_from(["Europe/Berlin", "America/New_York", None])),
    st.tuples(st.just("slot"), st.sampled_from(STARTS[:3])),
    st.tuples(st.just("transform")),
    st.tuples(st.just("select"), st.sampled_from(["stg_appointment_versions", "+fct_appointments", "dim_*", "rpt_*"])),
)


def take(calendar: Calendar, step: tuple[Any, ...]) -> None:
    match step:
        case ("book", key, start, number):
            calendar.book(key, start, number)
        case ("delete", key):
            calendar.book(key, STARTS[1], 3, deleted_at=calendar.now.isoformat())
        case ("vanish", key):
            calendar.warehouse.client.execute_sql(f"DELETE FROM raw_data.appointments WHERE id = '{key}'")
        case ("service", key, minutes):
            calendar.see("services", {"id": key}, slot_duration=minutes, team_id="T1")
        case ("zone", zone):
            calendar.see("locations", {"name": "One"}, timezone=zone)
        case ("slot", start):
            calendar.see("slots", {"service_id": "S1", "start_time": start})
        case ("transform",):
            calendar.transform()
        case ("select", pattern):
            calendar.transform(select=[pattern])


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(steps=[("delete", "a"), ("book", "a", STARTS[1], 3)])  # as where versions of before are no longer kept
@given(steps=st.lists(STEP, min_size=1, max_size=6))
def test_the_models_are_what_they_are_when_all_is_built(warehouse: Warehouse, steps: list[tuple[Any, ...]]) -> None:
    calendar = Calendar(warehouse)
    calendar.transform()
    for step in steps:
        take(calendar, step)
    calendar.transform()
    calendar.check()


def test_only_what_changed_is_built(calendar: Calendar) -> None:
    assert calendar.transform() is None, "nothing was there to build upon"
    assert calendar.transform() == 0
    calendar.book("still1", STARTS[1], 3)
    calendar.book("a", STARTS[2], 1)
    built: list[str] = []

    result = calendar.warehouse.transform(now=calendar.now, progress=lambda step, name: built.append(f"{step} {name}"))

    assert result.rebuilt == 2
    assert {"build fct_appointments", "audit fct_appointments"} <= set(built)
    assert calendar.statuses()["still1"] == "cancelled"
    calendar.check()
    assert calendar.transform(full=True) is None


@pytest.mark.parametrize(
    "change",
    [
        ("service", "S1", 45),
        ("zone", "Asia/Kolkata"),
        ("vanish", "still1"),
        ("select", "stg_appointments"),
        ("select", "+dim_service"),
    ],
    ids=str,
)
def test_what_else_changed_is_seen(calendar: Calendar, change: tuple[Any, ...]) -> None:
    calendar.transform()
    calendar.book("a", None, 1)
    take(calendar, change)
    calendar.transform()
    calendar.check()


def test_another_definition_is_built_whole(calendar: Calendar, tmp_path: Path) -> None:
    calendar.transform()
    folder = shutil.copytree(find_models(), tmp_path / "sql")
    path = folder / "marts" / "fct_appointments.sql"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("CAST(DATE_TRUNC('WEEK', local_date) AS DATE)", "local_date"), encoding="utf-8")
    other = Project.load(folder)

    assert calendar.transform(project=other) is None
    assert calendar.transform(project=other) == 0
    assert calendar.transform() is None


def test_too_much_that_changed_is_built_whole(calendar: Calendar) -> None:
    calendar.transform()
    for number in range(STILL):
        calendar.book(f"more{number}", STARTS[0], number)
    assert calendar.transform() is None
    calendar.check()


def test_a_version_that_stands_twice_is_not_passed_over(calendar: Calendar) -> None:
    calendar.transform()
    calendar.warehouse.client.execute_sql(
        "INSERT INTO raw_data.appointments SELECT * FROM raw_data.appointments WHERE id = 'still1'"
    )
    with pytest.raises(AuditsFailedError, match="stg_appointment_versions: unique"):
        calendar.transform()


def stop(step: str, model: str) -> None:
    if (step, model) == ("audit", "rpt_show_rate"):
        raise KeyboardInterrupt


def test_nothing_changes_in_place_unless_all_audits_pass(calendar: Calendar) -> None:
    calendar.transform()
    before = calendar.statuses()
    calendar.book("still1", STARTS[1], 3)
    twice = {"id": "T1", "name": "Dr Secret"}
    calendar.warehouse.insert("teams", twice, twice)
    with pytest.raises(AuditsFailedError, match="stg_teams: unique"):
        calendar.transform()
    assert calendar.statuses() == before
    calendar.warehouse.client.execute_sql("DELETE FROM raw_data.teams")
    with pytest.raises(KeyboardInterrupt):
        calendar.transform(progress=stop)
    assert calendar.statuses() == before
    assert calendar.transform() == 1
    assert calendar.statuses() == {**before, "still1": "cancelled"}
    calendar.check()


DIE = """
import os, sys, dlt, pendulum
from bookings_sync.models.destination import Destination
from bookings_sync.models.transform import Datasets, transform

path, now, moment = sys.argv[1:]
note = Destination._note_built

def die(step, model):
    if moment == f"{step} {model}":
        os._exit(9)

def die_at_the_end(self, built):
    note(self, built)
    die("publish", "all")

Destination._note_built = die_at_the_end
pipeline = dlt.pipeline(
    "killed", pipelines_dir=path + ".dir", destination=dlt.destinations.duckdb(path), dataset_name="raw_data"
)
with pipeline.sql_client() as client:
    transform(client, Datasets("raw_data", "staging_data", "marts_data"), now=pendulum.parse(now), progress=die)
"""


@pytest.mark.parametrize("moment", ["build fct_appointments", "audit rpt_show_rate", "publish all"])
def test_killed_on_the_way_nothing_has_changed_in_place(tmp_path: Path, project: Project, moment: str) -> None:
    calendar = Calendar(next(opened := open_warehouse(tmp_path, project)))
    calendar.transform()
    before = calendar.statuses()
    calendar.book("still1", STARTS[1], 3)
    opened.close()
    arguments = (str(calendar.warehouse.path), calendar.now.isoformat(), moment)

    killed = subprocess.run([sys.executable, "-c", DIE, *arguments], check=False, timeout=60)

    assert killed.returncode == 9
    calendar.warehouse = next(opened := open_warehouse(tmp_path, project))
    assert calendar.statuses() == before
    assert calendar.transform() == 1
    calendar.check()
    opened.close()


@pytest.mark.parametrize(
    ("good", "bad", "why"),
    [
        ("Incremental by: location_id, appointment_id", "Incremental by: location_id", "but by location_id, appoi"),
        ("Key: location_id, appointment_id", "Key: appointment_id", "with which its key begins"),
        ("FROM timed", "FROM timed WHERE starts_at < $now", "it depends on \\$now"),
        ("staging.stg_appointments AS", "raw.services AS", "reads raw.services, of which nobody knows what changed"),
    ],
)
def test_what_cannot_be_incremental_is_said(tmp_path: Path, good: str, bad: str, why: str) -> None:
    folder = shutil.copytree(find_models(), tmp_path / "sql")
    layer = "staging/stg_appointments" if "raw." in bad else "marts/fct_appointments"
    path = folder / f"{layer}.sql"
    text = path.read_text(encoding="utf-8")
    good = "staging.stg_appointment_versions" if "raw." in bad else good
    assert good in text
    path.write_text(text.replace(good, bad.removesuffix(" AS")), encoding="utf-8")
    with pytest.raises(ModelError, match=f"cannot be incremental.*{why}"):
        Project.load(folder)
