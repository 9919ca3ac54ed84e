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
    st.tuples(st.just("slot"), st.sampled_from(STARTS[:3])),
    st.tuples(st.just("transform")),
    st.tuples(st.just("select"), st.sampled_from(["stg_appointment_versions", "+fct_appointments", "dim_*", "rpt_*"])),
)


EXAMPLES = 30 if os.environ.get("CHAOS") else 4
"""Each builds all models several times."""


@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(steps=[("delete", "a"), ("book", "a", STARTS[1], 3)])  # the first known version is a tombstone
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
            "Incremental by: location_id",
            "expected `Incremental by: location_id, appointment_id`",
        ),
        (
            "marts/fct_appointments",
            "Key: location_id, appointment_id",
            "Key: appointment_id",
            "a key that begins with these columns",
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
