"""`bookings demo` in a new process, in an empty folder without configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from bookings_sync.cli.demo_proof import FIELDS, count_differences

SMALL = ["demo", "--locations", "3", "--services", "2", "--appointments", "1500"]


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_the_demo_syncs_twice_and_matches_the_calendar(tmp_path: Path, api: str) -> None:
    hidden = ("SOURCES__", "DESTINATION__", "BOOKINGS__")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    done = subprocess.run(
        [sys.executable, "-m", "bookings_sync.cli", *SMALL, "--api", api, "--json", "--folder", "shown"],
        cwd=tmp_path,
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)

    assert result["first"]["tables"]["appointments"]["new"] == 1500
    second = result["second"]
    assert second["rows"]["new"] > 0
    assert second["rows"]["changed"] > 0
    # A service added since the first sync is read completely, so compare the requests per service.
    services, added = 3 * 2, result["happened"].get("service_added", 0)
    assert second["requests"] / (services + added) < result["first"]["requests"] / services
    assert second["reads"]["unchanged"] > 0
    assert result["happened"]["booked"] > 0
    assert (result["compared"] > 1500, result["differing"]) == (True, 0)
    assert (result["live"]["seconds"] > 0, result["live"]["requests"] > 0) == (True, True)
    assert len(result["answers"]) == 3
    assert all(answer["rows"] for answer in result["answers"])

    page = Path(result["page"]).read_text(encoding="utf-8")
    assert "<title>Bookings report</title>" in page
    assert "vegaEmbed" in page
    assert result["database"] == str(tmp_path / "shown/bookings.duckdb")
    assert not (tmp_path / "bookings.duckdb").exists()
    with duckdb.connect(result["database"], read_only=True) as database:
        for answer in result["answers"]:  # the printed SQL can be pasted
            assert len(database.execute(answer["sql"]).fetchall()) == len(answer["rows"])


def appointment(service: str, **changes: str) -> dict[str, Any]:
    return {"calendarServiceId": service, "title": "Check-up", **changes}


def in_warehouse(service: str) -> tuple[Any, ...]:
    return tuple(appointment(service).get(field) for field in FIELDS["v1"].values())


def test_missing_surplus_and_different_appointments_are_counted() -> None:
    calendar = {
        ("L", "same"): appointment("S"),
        ("L", "different"): appointment("S", title="Follow-up"),
        ("L", "missing"): appointment("S"),
    }
    warehouse = {("L", name): in_warehouse("S") for name in ("same", "different", "surplus")}
    assert count_differences(warehouse, calendar, {"S"}, FIELDS["v1"]) == (4, 3)


def test_appointments_of_a_service_that_was_never_listed_are_not_compared() -> None:
    calendar = {("L", "unknown"): appointment("created and deleted between syncs"), ("L", "known"): appointment("S")}
    assert count_differences({}, calendar, {"S"}, FIELDS["v1"]) == (1, 1)
