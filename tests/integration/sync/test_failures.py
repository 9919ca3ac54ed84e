"""Runs that end early, replies that never read well, and locations that fail."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient
from dlt.destinations.job_client_impl import SqlLoadJob

from bookings_sync.errors import BookingsError
from bookings_sync.sandbox import Fault, Faults, SandboxServer
from bookings_sync.sync import pipeline
from bookings_sync.sync.run import Run

from .conftest import NOW, Site, Torn, small

IN_SMALL_LOADS = {"reads_per_load": 10, "max_window_days": 32, "rows_per_reply": 20, "attempts": 1}
BACKFILL = small(past_days=200, services_per_location=2)
"""With these: two services of a dozen windows each, so three loads of ten; answers are 2 lists, 10 windows, 2 of slots,
and then 10 windows."""
IN_THE_SECOND_LOAD = 19


def after(answers: int, act: Callable[[], None]) -> Callable[[Run], None]:
    """An `on_progress` that acts once, after this many answers."""
    seen = 0

    def progress(_: Run) -> None:
        nonlocal seen
        seen += 1
        if seen == answers:
            act()

    return progress


def sync(site: Site, on_progress: Callable[[Run], None] | None = None, **knobs: Any) -> pipeline.SyncResult:
    return pipeline.sync(replace(site.settings, **knobs), clock=site.clock, on_progress=on_progress)


def test_an_error_between_loads(open_site: Callable[..., Site]) -> None:
    """Completed loads stay and are not read again. The next run reads the rest."""
    site = open_site(BACKFILL, **IN_SMALL_LOADS)

    def fail() -> None:
        raise RuntimeError("the disk is full")

    with pytest.raises(BookingsError, match="the load failed at extract"):
        sync(site, after(IN_THE_SECOND_LOAD, fail))
    loaded = site.live("appointments")
    reads = len(site.query("SELECT * FROM reads WHERE endpoint = 'appointments'"))
    assert 0 < len(loaded) < len(site.world.data[site.location_id].by_start)
    assert reads == 10, "what the failed load had read is not in the ledger"
    assert sync(site).row["errors"] == "[]"
    assert site.differences() == []


def test_the_server_goes_down(open_site: Callable[..., Site]) -> None:
    site = open_site(BACKFILL, **IN_SMALL_LOADS)
    result = sync(site, after(IN_THE_SECOND_LOAD, lambda: site.server.__exit__(None, None, None)))
    assert result.outcome == "failed"
    assert "ConnectionFailed" not in result.row["errors"]
    assert site.location_id not in result.row["errors"]
    assert 0 < len(site.live("appointments")) < len(site.world.data[site.location_id].by_start)
    with SandboxServer(site.world) as site.server:
        assert sync(site).row["errors"] == "[]"
        assert site.differences() == []


KILLED = """
import datetime, os, signal, sys
import pendulum
from bookings_sync.sync import pipeline
from bookings_sync.config.settings import Location, Settings
base_url, name, key, zone, now, knobs, last = sys.argv[1:]
answers = 0

def progress(run):
    global answers
    answers += 1
    if answers == int(last):
        os.kill(os.getpid(), signal.SIGKILL)

settings = Settings(base_url=base_url, locations={name: Location(name, key, timezone=zone)}, **eval(knobs))
pipeline.sync(settings, clock=lambda: pendulum.parse(now), on_progress=progress)
"""


def test_killed(open_site: Callable[..., Site]) -> None:
    """After SIGKILL the lock is free, and the next run resumes."""
    site = open_site(BACKFILL, **IN_SMALL_LOADS)
    where = site.world.locations[0]
    texts = [site.server.base_url, where.name, where.key, where.timezone, site.world.now.isoformat(), repr(site.knobs)]
    argv = [sys.executable, "-c", KILLED, *texts, str(IN_THE_SECOND_LOAD)]
    assert subprocess.run(argv, check=False).returncode == -signal.SIGKILL
    assert 0 < len(site.live("appointments")) < len(site.world.data[site.location_id].by_start)
    assert sync(site).row["errors"] == "[]"
    assert site.differences() == []


@pytest.mark.parametrize("how", ["key-revoked", "host-down"])
def test_a_failing_location_stops_nobody(open_site: Callable[..., Site], how: str) -> None:
    """Its rows stay as they were and none counts as deleted. The other locations are synced."""
    site = open_site(small(locations=3, appointments=300), attempts=1)
    site.sync()
    failing, *others = (each.id for each in site.world.locations)
    held = {row["id"] for row in site.live("appointments", "location_id = ?", failing)}
    site.world.advance(timedelta(days=5))

    def fail() -> None:
        if how == "key-revoked":
            site.world.revoke_key(failing)
        else:
            site.server.faults = Faults([Fault(kind="503", location_id=failing)])

    result = sync(site, after(2, fail))
    assert result.outcome == "partial"
    name = site.world.locations[0].name
    assert all(name in error for error in result.row["errors"].strip("[]").split('", "'))
    assert site.world.locations[0].key not in result.row["errors"]
    assert site.differences(*others) == []
    assert held <= {row["id"] for row in site.live("appointments", "location_id = ?", failing)}

    site.server.faults = Faults()
    site.world.keys[site.world.locations[0].key] = failing
    assert sync(site).row["errors"] == "[]"
    assert site.differences() == []


def test_a_reply_cut_short_deletes_nothing(open_site: Callable[..., Site]) -> None:
    """Broken bodies, wrong JSON and a proxy's refusals are failures, not an empty calendar."""
    site = open_site(attempts=1, slots=False)
    site.sync()
    for kind in ("truncated", "cut", "list", "html"):
        site.server.faults = Faults([Fault(kind=kind, endpoints=("GET /appointments/", "GET /appointments/:id"))])
        result = sync(site)
        assert result.outcome == "failed", kind
        assert result.changes.total == 0, kind
    site.server.faults = Faults()
    assert sync(site, slots=True).changes.total == len(site.live("slots"))
    assert site.differences() == []


def test_a_window_that_never_reads_well_stops_no_other(open_site: Callable[..., Site]) -> None:
    """Some records break every reply that contains them. The rows of their windows stay as they were, and all other
    windows are read."""
    site = open_site(BACKFILL, **IN_SMALL_LOADS | {"reads_per_load": 100})
    poisoned = site.world.data[site.location_id].by_start.all()[:250:50]
    site.sync()
    site.world.advance(timedelta(days=3))
    for row in poisoned:
        row.head = b"{no JSON"
    booked = site.world.book(site.location_id, poisoned[0].service_id, NOW + timedelta(days=30))
    result = sync(site)
    assert result.outcome == "partial"
    assert len(json.loads(result.row["errors"])) == len(poisoned)
    assert site.live("appointments", "id = ?", booked.id)
    assert len(site.query("SELECT * FROM reads WHERE run_id = ?", result.row["run_id"])) > 20
    for row in poisoned:
        assert site.live("appointments", "id = ?", row.id)
        row.head = None
    assert sync(site).outcome == "ok"
    assert site.differences() == []


def test_a_record_that_spoils_its_replies_costs_its_day(open_site: Callable[..., Site]) -> None:
    """A first sync joins its windows also around the one that never reads well."""
    site = open_site(small(services_per_location=1, appointments=60), attempts=1, reads_per_load=3, max_window_days=128)
    rows = site.world.data[site.location_id].by_start.all()
    rows[30].head = b"{no JSON"
    result = site.sync()
    assert result.row["loads"] > 1
    assert len(json.loads(result.row["errors"])) == 1
    nearby = next(row for row in rows[31:] if row.start_ms - rows[30].start_ms > 86_400_000)
    site.world.mark(site.location_id, nearby.id, "invalid")
    assert site.sync().outcome == "partial"
    assert site.live("appointments", "id = ? AND 'invalid' IN (appoinment_status, appointment_status)", nearby.id)
    held = {row["id"] for row in site.live("appointments")}
    lost = [row for row in rows if row.id not in held]
    assert {rows[30].id} <= {row.id for row in lost}
    assert max(abs(row.start_ms - rows[30].start_ms) for row in lost) < 86_400_000


def test_a_failed_first_window_does_not_stop_the_others(open_site: Callable[..., Site]) -> None:
    """The density of the calendar is then unknown, so the plan assumes the default."""
    site = open_site(small(services_per_location=1), attempts=1)
    site.server.faults = Faults([Fault(kind="503", endpoints=("GET /appointments/",), times=2)])
    result = site.sync()
    assert (result.outcome, len(json.loads(result.row["errors"]))) == ("partial", 1)
    week_ms, now = 7 * 86_400_000, site.world.now_ms
    held = {row["id"] for row in site.live("appointments")}
    for row in site.world.data[site.location_id].by_start.all():
        assert row.id in held or abs(row.start_ms - now) < 3 * week_ms
    assert held
    assert site.sync().outcome == "ok"
    assert site.differences() == []


def test_a_row_that_cannot_be_verified_leaves_only_its_own_window_unread(open_site: Callable[..., Site]) -> None:
    """The row stays. All other changes are loaded, and the next run asks for the row again."""
    site = open_site(small(appointments=150, services_per_location=2), attempts=1)
    site.sync()
    gone, marked = site.world.data[site.location_id].by_start.all()[20:22]
    others = [row for row in site.world.data[site.location_id].by_start.all() if row.service_id != gone.service_id][:2]
    site.world.delete(site.location_id, gone.id)
    site.world.mark(site.location_id, marked.id, "noshow")
    for other in others:
        site.world.delete(site.location_id, other.id)

    def cut_one(run: Run) -> None:
        if run.findings.figures.verifications and not site.server.faults.rules:
            site.server.faults = Faults([Fault(kind="cut", endpoints=("GET /appointments/:id",), times=1)])

    result = sync(site, cut_one, concurrency=1)
    assert result.outcome == "partial"
    assert len(json.loads(result.row["errors"])) == 1
    assert result.changes.deleted == 2
    assert site.live("appointments", "id = ? AND 'noshow' IN (appoinment_status, appointment_status)", marked.id)
    assert sync(site).changes.deleted == 1
    assert site.differences() == []


def test_lists_of_teams_and_services_that_never_read_well(open_site: Callable[..., Site]) -> None:
    """The run continues with the teams and services that it knows."""
    site = open_site(small(appointments=60), attempts=1)
    site.sync()
    site.world.advance(timedelta(days=5))
    lists = ("GET /calendars/teams", "GET /calendars/services")
    site.server.faults = Faults([Fault(kind="html", endpoints=lists)])
    result = sync(site)
    assert result.outcome == "partial"
    assert len(json.loads(result.row["errors"])) == 2
    assert [each for each in site.differences() if not each.startswith(("teams", "services"))] == []


def test_a_location_that_never_answers_in_time_is_given_up(open_site: Callable[..., Site]) -> None:
    """Its windows are halved a limited number of times, and the other locations do not wait for it."""
    site = open_site(small(locations=2, appointments=60, services_per_location=1), read_timeout_seconds=0.1)
    slow, other = (each.id for each in site.world.locations)
    site.server.faults = Faults([Fault(kind="slow", seconds=0.4, location_id=slow, endpoints=("GET /appointments/",))])
    result = sync(site)
    assert result.outcome == "partial"
    assert site.differences(other) == []
    assert site.world.requests.count(location_id=slow, endpoint="GET /appointments/") < 150
    site.server.faults = Faults()
    assert sync(site).outcome == "ok"
    assert site.differences() == []


def test_a_window_that_times_out_is_halved(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=60, services_per_location=1), read_timeout_seconds=0.1)
    slow = Fault(kind="slow", seconds=0.4, endpoints=("GET /appointments/",), times=6)
    site.server.faults = Faults([slow])
    assert sync(site).outcome == "ok"
    assert site.differences() == []


TABLES = ("contact_custom_fields", "contacts", "appointments", "slots", "reads")


def test_a_load_torn_between_its_tables(open_site: Callable[..., Site], torn: Torn) -> None:
    """A load reaches every table except one, each table in turn. The next run brings the missing rows."""
    site = open_site(small(appointments=40, past_days=30, services_per_location=2))
    service_id = next(iter(site.world.data[site.location_id].services))
    for number, table in enumerate(TABLES):
        fields = [{"id": f"field-{each}", "value": str(number)} for each in range(number % 3, 4)]
        site.world.book(site.location_id, service_id, NOW + timedelta(days=number), contact={"customField": fields})
        for contact_id in list(site.world.data[site.location_id].contacts)[:5]:
            site.world.update_contact(site.location_id, contact_id, {"customField": fields})
        site.world.advance(timedelta(hours=30))
        with torn(table):
            site.sync()
        assert site.sync().row["errors"] == "[]", table
        assert site.differences() == [], table
    assert site.sync().changes.total == 0


def test_every_merge_is_one_transaction(open_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself dlt uses no transaction if the SQL of the merge does not look like DDL, and a kill left rows without a
    current version."""
    begun: list[str] = []
    merged: list[str] = []
    run_job, begin = SqlLoadJob.run, DuckDbSqlClient.begin_transaction

    def run(job: SqlLoadJob) -> None:
        before = len(begun)
        run_job(job)
        merged.append("whole" if len(begun) > before else job._file_path)

    def begin_counted(client: DuckDbSqlClient) -> Any:
        begun.append("")
        return begin(client)

    monkeypatch.setenv("LOAD__WORKERS", "1")  # one merge after the other, so that each can be observed
    monkeypatch.setattr(SqlLoadJob, "run", run)
    monkeypatch.setattr(DuckDbSqlClient, "begin_transaction", begin_counted)
    site = open_site(small(appointments=60))
    site.sync()
    site.world.advance(timedelta(hours=30))
    site.sync()
    assert len(merged) >= 4
    assert set(merged) == {"whole"}
