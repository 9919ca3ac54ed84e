"""The demo, end to end: a process of its own in an empty folder, with nothing configured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb

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
    assert second["requests"] < told["first"]["requests"]
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
