"""Makes a small warehouse as a released version left it, for test_released.py.

    git archive v0.2.0 pipelines | tar x -C /tmp/released
    PYTHONPATH=pipelines:tests python tests/integration/upgrade/released/make.py /tmp/released/pipelines 0.2.0

Input:  the packages of that version, and its name.
Output: NAME.zip next to this file: the tables as Parquet, and the statements that create them. `records.json` is what
        the version's API showed; it is made once, and every version reads the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from bookings_sync.sandbox import SandboxServer, WorldSpec, generate
from support.fake_api import FakeApi
from support.recorded_api import answers, record

HERE = Path(__file__).parent
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)

SETTINGS = {
    "rate_limit": 100_000,
    "lookback_days": 14,
    "horizon_days": 30,
    "slots_horizon_days": 3,
    "max_window_days": 16,
}
LOCATION = "praxis"
HISTORY_START = "2026-07-01"

_SYNC = """
import json, sys
from datetime import date
import pendulum
try:
    from bookings_sync.config.settings import Location, Settings
    from bookings_sync.sync.pipeline import sync
except ImportError:
    from bookings_sync.settings import Location, Settings
    from bookings_sync.pipeline import sync
base_url, name, key, zone, start, more, now = json.load(sys.stdin)
settings = Settings(base_url=base_url, locations={name: Location(name, key, timezone=zone)},
                    history_start=date.fromisoformat(start), **more)
for _ in range(2):
    row = sync(settings, clock=lambda: pendulum.parse(now)).row
print(row)
"""


def make(packages: str, version: str) -> None:
    known = HERE / "records.json"
    if not known.exists():
        spec = WorldSpec(
            now=NOW, seed=16, locations=1, teams_per_location=1, services_per_location=2, members_per_location=3,
            appointments=60, past_days=100, future_days=20, opaque_key_share=0,
        )  # fmt: skip
        with SandboxServer(generate(spec)) as server:
            (location,) = server.world.locations
            start, end = (int((NOW + timedelta(days=days)).timestamp() * 1000) for days in (-130, 40))
            records = record(server.base_url, location.key, location.timezone, start, end)
        records |= {"key": location.key, "timezone": location.timezone}
        known.write_text(json.dumps(records, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    records = json.loads(known.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder, FakeApi(answers(records)) as api:
        database = Path(folder) / "warehouse.duckdb"
        order = [api.base_url, LOCATION, records["key"], records["timezone"], HISTORY_START, SETTINGS, NOW.isoformat()]
        subprocess.run(
            [sys.executable, "-c", _SYNC],
            input=json.dumps(order),
            env={**os.environ, "PYTHONPATH": packages, "DESTINATION__DUCKDB__CREDENTIALS": str(database)},
            cwd=folder,
            text=True,
            check=True,
        )
        with duckdb.connect(str(database)) as connection:
            connection.execute("UPDATE bookings_raw.runs SET version = ?", [version])
            connection.execute(f"EXPORT DATABASE '{folder}/export' (FORMAT parquet, COMPRESSION zstd)")
        export = Path(folder) / "export"
        (export / "load.sql").write_text((export / "load.sql").read_text().replace(str(export), "{folder}"))
        with zipfile.ZipFile(HERE / f"{version}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(export.iterdir()):
                archive.write(file, file.name)


if __name__ == "__main__":
    make(*sys.argv[1:])
