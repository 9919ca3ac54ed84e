"""The demo, end to end: a process of its own in an empty folder, with nothing configured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar, cast

import duckdb

from bookings_sync.cli import demo
from bookings_sync.config.settings import Location, Settings

SMALL = ["demo", "--locations", "3", "--services", "2", "--appointments", "1500"]


def test_demo_from_an_empty_folder(tmp_path: Path) -> None:
    hidden = ("SOURCES__", "DESTINATION__", "BOOKINGS__")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    done = subprocess.run(
        [sys.executable, "-m", "bookings_sync.cli", *SMALL, "--json", "--folder", "shown"],
        cwd=tmp_path,
        env={**environment, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)

    assert told["first"]["tables"]["appointments"]["new"] == 1500
    second = told["second"]
    assert second["rows"]["new"] > 0
    assert second["rows"]["changed"] > 0
    assert second["tables"]["appointments"]["moved"] > 0
    # Of a service that has come since, everything is read.
    services, come = 3 * 2, told["happened"].get("service_added", 0)
    assert second["requests"] / (services + come) < told["first"]["requests"] / services
    assert second["reads"]["unchanged"] > 0
    assert told["happened"]["booked"] > 0
    assert (told["compared"] > 1500, told["differing"]) == (True, 0)
    assert len(told["answers"]) == 3
    assert all(answer["rows"] for answer in told["answers"])

    page = Path(told["page"]).read_text(encoding="utf-8")
    assert "<title>Bookings report</title>" in page
    assert "vegaEmbed" in page
    assert told["database"] == str(tmp_path / "shown/bookings.duckdb")
    assert not (tmp_path / "bookings.duckdb").exists()
    with duckdb.connect(told["database"], read_only=True) as database:
        for answer in told["answers"]:  # what is shown can be pasted
            assert len(database.execute(answer["sql"]).fetchall()) == len(answer["rows"])


def test_what_no_list_ever_named_is_not_compared() -> None:
    """A service that came and went between the two syncs; one that is listed, or ever was, hides nothing."""

    class Client:
        def execute_sql(self, sql: str) -> list[tuple[str, ...]]:
            return [("was listed",)] if "services" in sql else []

    class Calendar:
        locations: ClassVar = [{"location_id": "L"}]

        def truth(self, _: str) -> dict[str, Any]:
            services = ("came and went", "was listed", "is listed")
            appointments = [{"id": service, "calendarServiceId": service} for service in services]
            return {"services": [{"id": "is listed"}], "appointments": appointments}

    settings = Settings(base_url="http://localhost/v1", locations={"one": Location("one", "key")})
    assert demo._compare(cast("Any", Client()), settings, cast("Any", Calendar())) == (2, 2)
