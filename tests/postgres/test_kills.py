"""Killed in the middle of a load: the next run converges, with no manual step."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from .conftest import Database, Site

# A sync that is killed as it is about to send the n-th statement that holds a word.
DIE = """
import os, signal, sys
import pendulum
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient
from bookings_sync.pipeline import sync
from bookings_sync.settings import Location, Settings

base_url, keys, now, word, number = sys.argv[1:]
plain, left = Psycopg2SqlClient.execute_query, [int(number)]

def execute(self, sql, *args, **kwargs):
    if word in str(sql) and "SELECT r." not in str(sql):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
    return plain(self, sql, *args, **kwargs)

Psycopg2SqlClient.execute_query = execute
now = pendulum.parse(now)
settings = Settings(
    base_url=base_url, locations={n: Location(n, k) for n, k in (pair.split("=", 1) for pair in keys.split(","))},
    destination="postgres", rate_limit=100_000, lookback_days=250, slots_horizon_days=7, history_start=now.date(),
)
sync(settings, clock=lambda: now)
"""


@pytest.mark.parametrize(
    ("word", "number"),
    [
        pytest.param('SET "_dlt_valid_to"', 1, id="all copied to the staging dataset, nothing merged"),
        pytest.param('SET "_dlt_valid_to"', 5, id="some tables merged"),
        pytest.param('INSERT INTO "bookings_raw"."_dlt_loads"', 1, id="all merged, the load not yet complete"),
    ],
)
def test_the_next_run_converges(site: Site, database: Database, tmp_path: Path, word: str, number: int) -> None:
    keys = ",".join(f"{each.name}={each.key}" for each in site.world.locations)
    arguments = [site.base_url, keys, site.clock().to_iso8601_string(), word, str(number)]
    killed = subprocess.run([sys.executable, "-c", DIE, *arguments], check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL

    site.world.advance(timedelta(days=3))
    assert site.sync().row["errors"] == "[]"
    assert site.differences(database, tmp_path) == []
    assert site.sync().changes.total == 0
    current = database.query("SELECT location_id, id FROM bookings_raw.appointments WHERE _dlt_valid_to IS NULL")
    assert len(current) == len(set(current))
