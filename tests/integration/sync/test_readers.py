"""Readers of the copy are never blocked, and each reader sees one consistent state, while syncs and transforms run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.publish import read_copy
from bookings_sync.models.transform import transform

from .conftest import Site, small

READERS = 8
ROUNDS = 2

READER = """
import json, sys, time
from pathlib import Path
import duckdb
copy, stop = sys.argv[1], Path(sys.argv[2])
seen, errors = [], []
while not stop.exists() or not seen:
    try:
        with duckdb.connect(copy, read_only=True) as connection:
            # Three queries over one connection: each mart's count of the same bookings.
            ask = lambda sql: connection.execute(sql).fetchone()[0]
            facts = ask("SELECT count_if(is_booking AND local_date IS NOT NULL) FROM bookings_marts.fct_appointments")
            time.sleep(0.02)
            daily = ask("SELECT sum(bookings) FROM bookings_marts.rpt_daily_bookings")
            runs = ask("SELECT count(*) FROM bookings_raw.runs")
            seen.append((facts, int(daily), runs))
        time.sleep(0.3)
    except Exception as error:
        errors.append(f"{type(error).__name__}: {error}")
        break
print(json.dumps({"seen": seen, "errors": errors}))
"""


def test_readers_see_one_state_each(open_site: Callable[..., Site], tmp_path: Path) -> None:
    site = open_site(small(locations=2))
    build(site)
    stop = tmp_path / "stop"
    command = [sys.executable, "-c", READER, str(read_copy(site.database)), str(stop)]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(READERS)]
    try:
        for _ in range(ROUNDS):
            site.world.advance(timedelta(days=2))
            build(site)
    finally:
        stop.touch()
    reports = [json.loads(reader.communicate()[0]) for reader in readers]
    assert [report["errors"] for report in reports] == [[]] * READERS
    states = {tuple(state) for report in reports for state in report["seen"]}
    assert all(facts == daily for facts, daily, _ in states)
    by_run: dict[int, set[int]] = {}
    for facts, _, runs in states:
        by_run.setdefault(runs, set()).add(facts)
    assert len(by_run) > 1, "the readers saw no change"
    assert all(len(facts) == 1 for facts in by_run.values()), "one run, two states"


def build(site: Site) -> None:
    """One scheduled run: sync, then transform, which publishes."""
    assert site.sync().outcome == "ok"
    with open_client(site.settings, writes=True, publishes=True) as client:
        transform(client, datasets(site.settings), now=site.clock(), select=["+rpt_daily_bookings"])
