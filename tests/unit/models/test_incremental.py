"""Incremental builds: the models must equal those of a full build."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bookings_sync.models.project import Project, find_models
from bookings_sync.models.transform import AuditsFailedError, ModelError
from support.killed_transform import EXIT_CODE, killed_transform
from support.model_calendar import STABLE, STARTS, Calendar
from support.model_warehouse import Warehouse, open_warehouse


@pytest.fixture
def calendar(warehouse: Warehouse) -> Calendar:
    return Calendar(warehouse)


KEY = st.sampled_from(["a", "b", "stable1"])
STEP = st.one_of(
    st.tuples(st.just("book"), KEY, st.sampled_from(STARTS), st.integers(0, 20)),
    st.tuples(st.just("delete"), KEY),
    st.tuples(st.just("vanish"), KEY),
    st.tuples(st.just("service"), st.sampled_from(["S1", "S2"]), st.sampled_from([15, 30, None])),
    st.tuples(st.just("zone"), st.sampled_from(["Europe/Berlin", "America/New_York", None])),
    st.tuples(st.just("slot"), st.sampled_from([*STARTS[:3], *STARTS[4:]])),
    st.tuples(st.just("hours"), st.integers(8, 10)),
    st.tuples(st.just("member"), st.sampled_from(["U1", "U2"]), st.booleans()),
    st.tuples(st.just("team"), st.sampled_from(["One", "Two"])),
    st.tuples(st.just("contact"), st.sampled_from(["C1", "C7"]), st.sampled_from(["web", None])),
    st.just(("read",)),
    st.tuples(st.just("wait"), st.sampled_from([7, 60, 600, 1440, 50_000])),
    st.tuples(st.just("early"), st.sampled_from([90, 3000])),
    st.tuples(st.sampled_from(["drop", "lose"]), st.sampled_from(sorted(Project.load(find_models()).models))),
    st.just(("transform",)),
    st.tuples(st.just("select"), st.sampled_from(["stg_appointment_versions", "+fct_appointments", "dim_*", "rpt_*"])),
)


EXAMPLES = 100 if os.environ.get("CHAOS") else 2
"""Each builds all models several times."""


@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(steps=[("delete", "a"), ("book", "a", STARTS[1], 3)])  # the first known version is a tombstone
@example(steps=[("slot", STARTS[4]), ("transform",), ("wait", 1440), ("transform",), ("drop", "rpt_bookings")])
@given(steps=st.lists(STEP, min_size=1, max_size=6))
def test_an_incremental_build_equals_a_full_build(warehouse: Warehouse, steps: list[tuple[Any, ...]]) -> None:
    calendar = Calendar(warehouse)
    calendar.transform()
    for step in steps:
        calendar.take(step)
    calendar.transform()
    calendar.check()


def test_only_changed_appointments_are_rebuilt(calendar: Calendar) -> None:
    assert calendar.transform() is None, "the first build is full"
    assert calendar.transform() == 0
    calendar.book("stable1", STARTS[1], 3)
    calendar.book("a", STARTS[2], 1)
    steps: list[str] = []

    result = calendar.warehouse.transform(now=calendar.now, progress=lambda step, name: steps.append(f"{step} {name}"))

    assert result.rebuilt == 2
    assert {"build fct_appointments", "audit fct_appointments"} <= set(steps)
    assert calendar.statuses()["stable1"] == "cancelled"
    calendar.check()
    assert calendar.transform(full=True) is None


@pytest.mark.parametrize(
    "change",
    [
        ("service", "S1", 45),
        ("zone", "Asia/Kolkata"),
        ("vanish", "stable1"),
        ("select", "stg_appointments"),
        ("select", "+dim_service"),
    ],
    ids=str,
)
def test_other_changes_are_not_missed(calendar: Calendar, change: tuple[Any, ...]) -> None:
    calendar.transform()
    calendar.book("a", None, 1)
    calendar.take(change)
    calendar.transform()
    calendar.check()


def built(calendar: Calendar, monkeypatch: pytest.MonkeyPatch, **options: Any) -> set[str]:
    """Transforms, and returns the models of which any rows were built."""
    statements: list[str] = []
    execute = calendar.warehouse.client.execute_sql

    def execute_sql(sql: Any, *values: Any, **more: Any) -> Any:
        statements.append(str(sql))
        return execute(sql, *values, **more)

    with monkeypatch.context() as patched:
        patched.setattr(calendar.warehouse.client, "execute_sql", execute_sql)
        calendar.transform(**options)
    return {
        name for name in calendar.warehouse.project.models if any(f"bookings_new_{name} AS" in e for e in statements)
    }


def test_a_change_builds_only_what_reads_the_changed_columns(
    calendar: Calendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    calendar.transform()
    assert built(calendar, monkeypatch) == set()
    row = {"service_id": "S2", "contact_id": "C1", "user_id": "U2", "created_at": "2025-02-01T00:00:00Z"}
    calendar.see("appointments", {"id": "stable1"}, start_time=STARTS[1], appoinment_status="noshow", **row)

    found = built(calendar, monkeypatch)

    assert {"stg_appointment_versions", "fct_appointments", "rpt_show_rate", "rpt_noshow_risk"} <= found
    assert not found & {"dim_contact", "dim_service", "dim_date", "fct_staff_hours", "fct_service_days", "stg_contacts"}
    calendar.check()


def test_time_builds_only_what_it_changes(calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
    calendar.transform()
    calendar.now = calendar.now.start_of("hour").add(minutes=50)
    calendar.transform()
    calendar.now = calendar.now.add(minutes=1)
    assert built(calendar, monkeypatch) == set()
    calendar.now = calendar.now.add(minutes=15)
    found = built(calendar, monkeypatch)
    assert {"fct_slot_days", "rpt_pace"} <= found
    assert "dim_date" not in found
    calendar.now = calendar.now.add(days=1)
    assert "dim_date" in built(calendar, monkeypatch)
    calendar.check()


def test_a_model_that_says_nothing_about_its_clock_is_always_built(
    calendar: Calendar, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = shutil.copytree(find_models(), tmp_path / "sql")
    (folder / "reports" / "rpt_own.sql").write_text(
        "/*\nGrain: one row.\nQuestion: What time is it?\nKey: moment\nColumns:\n  moment: Now.\n*/\n"
        "SELECT $now AS moment FROM marts.dim_time_span WHERE time_span = 0\n",
        encoding="utf-8",
    )
    calendar.warehouse.project = Project.load(folder)
    calendar.transform()
    calendar.now = calendar.now.add(minutes=1)
    assert built(calendar, monkeypatch) == {"rpt_own"}
    assert [row["moment"] for row in calendar.warehouse.rows("marts", "rpt_own")] == [calendar.now]


def test_a_transform_without_changes_keeps_every_byte_of_the_file(tmp_path: Path, project: Project) -> None:
    with open_warehouse(tmp_path, project) as warehouse:
        calendar = Calendar(warehouse)
        calendar.transform()
    before = warehouse.path.read_bytes()
    with open_warehouse(tmp_path, project) as calendar.warehouse:
        calendar.now = calendar.now.add(minutes=1)
        assert calendar.transform() == 0
    assert warehouse.path.read_bytes() == before


def test_changed_sql_makes_a_full_build(calendar: Calendar, tmp_path: Path) -> None:
    calendar.transform()
    folder = shutil.copytree(find_models(), tmp_path / "sql")
    path = folder / "marts" / "fct_appointments.sql"
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("CAST(DATE_TRUNC('WEEK', fact.local_date) AS DATE)", "fact.local_date"), encoding="utf-8"
    )
    other = Project.load(folder)

    assert calendar.transform(project=other) is None
    assert calendar.transform(project=other) == 0
    assert calendar.transform() is None


def test_many_changes_make_a_full_build(calendar: Calendar) -> None:
    calendar.transform()
    for number in range(STABLE):
        calendar.book(f"more{number}", STARTS[0], number)
    assert calendar.transform() is None
    calendar.check()


def test_a_duplicate_version_is_not_missed(calendar: Calendar) -> None:
    calendar.transform()
    calendar.warehouse.client.execute_sql(
        "INSERT INTO raw_data.appointments SELECT * FROM raw_data.appointments WHERE id = 'stable1'"
    )
    with pytest.raises(AuditsFailedError, match="stg_appointment_versions: unique"):
        calendar.transform()


def interrupt(step: str, model: str) -> None:
    if (step, model) == ("audit", "rpt_show_rate"):
        raise KeyboardInterrupt


def test_a_failed_audit_or_an_interrupt_rolls_back_updates_in_place(calendar: Calendar) -> None:
    calendar.transform()
    before = calendar.statuses()
    calendar.book("stable1", STARTS[1], 3)
    duplicate = {"id": "T1", "name": "Dr Secret"}
    calendar.warehouse.insert("teams", duplicate, duplicate)
    with pytest.raises(AuditsFailedError, match="stg_teams: unique"):
        calendar.transform()
    assert calendar.statuses() == before
    calendar.warehouse.client.execute_sql("DELETE FROM raw_data.teams")
    with pytest.raises(KeyboardInterrupt):
        calendar.transform(progress=interrupt)
    assert calendar.statuses() == before
    assert calendar.transform() == 1
    assert calendar.statuses() == {**before, "stable1": "cancelled"}
    calendar.check()


@pytest.mark.parametrize(
    "moment",
    ["build fct_appointments", "audit rpt_show_rate", 'after 1 "_built" VALUES'],
    ids=["build", "audit", "last statement"],
)
def test_a_kill_rolls_back_updates_in_place(tmp_path: Path, project: Project, moment: str) -> None:
    with open_warehouse(tmp_path, project) as warehouse:
        calendar = Calendar(warehouse)
        calendar.transform()
        before = calendar.statuses()
        calendar.book("stable1", STARTS[1], 3)

    assert killed_transform(warehouse.path, calendar.now, moment) == EXIT_CODE

    with open_warehouse(tmp_path, project) as calendar.warehouse:
        assert calendar.statuses() == before
        assert calendar.transform() == 1
        calendar.check()


@pytest.mark.parametrize(
    ("file", "good", "bad", "why"),
    [
        (
            "marts/fct_appointments",
            "Incremental by: location_id, appointment_id",
            "Incremental by: location_id, service_id",
            "expected columns of its key, got location_id, service_id",
        ),
        (
            "marts/fct_appointments",
            "Key: location_id, appointment_id",
            "Key: appointment_id",
            "expected columns of its key, got location_id, appointment_id",
        ),
        (
            "marts/fct_appointments",
            "FROM located_appointments",
            "FROM located_appointments WHERE starts_at < $now",
            "depends on \\$now",
        ),
        (
            "staging/stg_appointments",
            "staging.stg_appointment_versions",
            "raw.services",
            "reads raw.services, and changes of that table are not tracked",
        ),
    ],
)
def test_a_model_that_cannot_be_incremental_is_an_error(
    tmp_path: Path, file: str, good: str, bad: str, why: str
) -> None:
    path = shutil.copytree(find_models(), tmp_path / "sql") / f"{file}.sql"
    text = path.read_text(encoding="utf-8")
    assert good in text
    path.write_text(text.replace(good, bad), encoding="utf-8")
    with pytest.raises(ModelError, match=f"cannot be incremental.*{why}"):
        Project.load(tmp_path / "sql")
