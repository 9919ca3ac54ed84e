"""Keys stay secret, and data from the API stays data: no log, error, file or redirect contains a key,
and no name is ever taken for SQL.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pytest
import stamina

from bookings_sync.config.settings import Location, Settings
from bookings_sync.errors import BookingsError
from bookings_sync.models.transform import Datasets, transform
from bookings_sync.sandbox import Fault, Faults
from bookings_sync.sync import pipeline
from integration.sync.conftest import Site, small
from support import nasty
from support.fake_api import Asked, FakeApi, Replied

KEY = "a-key-that-nobody-may-see"
STORM = [Fault(kind=kind, rate=0.05) for kind in ("503", "reset", "truncated", "cut", "list", "html", "429_seconds")]


def test_no_key_in_logs_errors_or_files(
    open_site: Callable[..., Site], caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every library logs at DEBUG while requests fail, a key is revoked and a run breaks. dlt's files are searched
    through while they are there."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setenv("RUNTIME__LOG_LEVEL", "DEBUG")
    site = open_site(small(locations=2, appointments=60), attempts=3)
    keys = [each.key.encode() for each in site.world.locations]
    leaks: list[str] = []
    answers = 0

    def look(_: Any) -> None:
        nonlocal answers
        answers += 1
        if answers % 5 == 0:
            leaks.extend(leaks_in(tmp_path, keys))
        if answers == 40:
            raise RuntimeError("the end")

    said: list[str] = []
    with caplog.at_level(logging.DEBUG), stamina.set_testing(True, attempts=100, cap=True):
        site.server.faults = Faults([Fault(kind="429_seconds", times=1, seconds=0), *STORM])
        said.append(str(site.sync()))
        site.world.revoke_key(site.location_id)
        said.append(str(site.sync()))
        try:
            pipeline.sync(site.settings, clock=site.clock, full=True, on_progress=look)
        except BookingsError as error:
            said += traceback.format_exception(error)
    assert answers >= 5
    assert leaks == leaks_in(tmp_path, keys) == []
    assert "GET /appointments/" in caplog.text
    for key in keys:
        assert key.decode() not in caplog.text
        assert key.decode() not in "".join(said)
        assert key.decode() not in repr(site.settings)


def leaks_in(folder: Path, keys: list[bytes]) -> list[str]:
    """The files with one of the keys."""
    found = []
    for path in folder.rglob("*"):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:  # dlt moves its files during the search
            continue
        if any(key in content for key in keys):
            found.append(str(path))
    return found


def test_no_key_in_what_the_command_prints(open_site: Callable[..., Site], tmp_path: Path) -> None:
    """With the highest verbosity and with tracebacks."""
    site = open_site(small(appointments=40))
    site.server.faults = Faults([Fault(kind="503", endpoints=("GET /appointments/",)), Fault(kind="cut", rate=0.5)])
    where = site.world.locations[0]
    environment = os.environ | {
        "SOURCES__BOOKINGS__BASE_URL": site.server.base_url,
        "SOURCES__BOOKINGS__LOCATIONS__HERE__API_KEY": where.key,
        "SOURCES__BOOKINGS__ATTEMPTS": "2",
    }
    argv = [sys.executable, "-m", "bookings_sync.cli", "-v", "-v", "sync", "--json"]
    done = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 3), done.stderr
    assert where.key not in done.stdout + done.stderr
    assert "Bearer" not in done.stdout + done.stderr


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_never_receives_the_key(folder: Path, status: int) -> None:
    """Redirects are not followed, neither to another host nor to another path."""
    with FakeApi(lambda _: Replied(b"{}")) as other:

        def answer(asked: Asked) -> Replied:
            return Replied(b"", status, {"Location": other.base_url + asked.path})

        with FakeApi(answer) as api, stamina.set_testing(True, attempts=100, cap=True):
            location = Location("here", KEY, location_id="here")
            settings = Settings(base_url=api.base_url, locations={"here": location}, attempts=2, rate_limit=1_000)
            result = pipeline.sync(settings, clock=lambda: pendulum.datetime(2026, 11, 2))
    assert result.outcome == "failed"
    assert "redirect" in result.row["errors"]
    assert other.requests == []
    assert {asked.headers["Authorization"] for asked in api.requests} == {f"Bearer {KEY}"}


NAMES = (
    "'); DROP TABLE bookings_raw.appointments; --",
    'Robert"); DROP SCHEMA bookings_raw CASCADE; --',
    "\\'; SELECT 1; --",
    "$$ || 'x' || $$",
    "{{ now }} {0} %s %(x)s :x ?",
    "O’Neil ‘x’ \u2028 美咲 🦷",
    "/* -- */ \\",
)


def test_names_are_never_run_as_sql(folder: Path) -> None:
    """Ids, names and texts full of quotes go through a first sync, a change, a deletion and the models, and stay as
    they are."""
    now = pendulum.datetime(2026, 11, 2, 9)
    services = [nasty.service(n) | {"id": f"s{n} {name}", "name": name} for n, name in enumerate(NAMES)]
    rows = {}
    for number, name in enumerate(NAMES):
        row = nasty.appointment(number, services[number]["id"], "2026-11-03T09:00:00Z", "2026-11-03T09:30:00Z")
        row |= {"id": f"a{number} {name}", "title": name, "notes": name, "selectedTimezone": name, "contactId": name}
        row["locationId"] = "l'1\" %s"
        row["contact"] |= {"id": name, "firstName": name, "customField": [{"id": name, "value": name}]}
        rows[services[number]["id"]] = [row]

    def answer(asked: Asked) -> Replied:
        path = asked.path.rstrip("/")
        lists: dict[str, Any] = {
            "/v1/calendars/teams": {"teams": [nasty.team(1) | {"name": NAMES[0]}]},
            "/v1/calendars/services": {"services": services},
            "/v1/appointments/slots": {},
        }
        if path == "/v1/appointments":
            near = int(asked.query["startDate"]) <= now.add(days=1).timestamp() * 1000 < int(asked.query["endDate"])
            return Replied(nasty.as_json({"appointments": rows[asked.query["calendarId"]] if near else []}))
        return Replied(nasty.as_json(lists[path])) if path in lists else Replied(b"{}", 404)

    location = Location("here", KEY, location_id="l'1\" %s")
    with FakeApi(answer) as api:
        settings = Settings(
            base_url=api.base_url,
            locations={"here": location},
            rate_limit=100_000,
            history_start=now.date(),
            deletion_guard_percent=100,  # no list is left that could serve as a control
            deletion_evidence_runs=1,
            deletion_evidence_hours=0,
        )
        for step in ("new", "changed", "deleted"):
            changes = pipeline.sync(settings, clock=lambda at=now: at).changes  # type: ignore[misc]
            assert getattr(changes, step) >= len(NAMES)
            now = now.add(hours=1)
            if step == "new":
                for (row,) in rows.values():
                    row["notes"] += "'"
            else:
                for kept in rows.values():
                    kept.clear()
        with pipeline.open_pipeline(settings) as opened, opened.sql_client() as client:
            transform(client, Datasets(), now=now)
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        held = connection.sql(
            "SELECT title, notes FROM bookings_raw.appointments WHERE deleted_at IS NOT NULL"
        ).fetchall()
        named = connection.sql("SELECT name FROM bookings_marts.dim_service").fetchall()
        custom = connection.sql("SELECT custom_field_id FROM bookings_raw.contact_custom_fields").fetchall()
    assert set(held) == {(name, name + "'") for name in NAMES}
    assert set(named) >= {(name,) for name in NAMES}
    assert set(custom) == {(name,) for name in NAMES}
