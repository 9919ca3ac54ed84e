"""The advisory lock: one run at a time, or all parts of one sharded run. A killed process releases it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import blake2b

import pendulum
import psycopg2
import pytest

from bookings_sync.config.settings import Settings
from bookings_sync.errors import LoadError, LockedError
from bookings_sync.models.access import open_client
from bookings_sync.sync import pipeline
from bookings_sync.warehouse.lock import Lock

from .conftest import Database, Site

Hold = Callable[[ExitStack, Settings], Lock]

WHOLE = Settings(destination="postgres")

HOLDER = """
import sys
import pendulum
from bookings_sync.warehouse.dataset import locked_dataset, open_pipeline
from bookings_sync.config.settings import Settings
settings = Settings(destination="postgres")
with open_pipeline(settings) as pipeline, locked_dataset(pipeline, settings, since=pendulum.datetime(2026, 11, 2, 9)):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold(database: Database) -> Iterator[Hold]:
    """Takes a lock on a new connection, and releases it with the stack."""
    with pipeline.open_pipeline(WHOLE) as opened:

        def hold(stack: ExitStack, settings: Settings) -> Lock:
            since = pendulum.datetime(2026, 11, 2, 9)
            return stack.enter_context(pipeline.locked_dataset(opened, settings, since=since))

        yield hold


def test_another_process_fails_and_names_the_holder(site: Site, database: Database) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        holder = rf"process {process.pid} on \S+, since 2026-11-02T09:00:00Z"
        with pytest.raises(LockedError, match=holder) as refused:
            site.sync()
        assert refused.value.exit_code == 75
        assert site.world.requests.total == 0
        with pytest.raises(LockedError, match=holder), open_client(site.settings, writes=True):
            pass
        process.kill()
    _until_free(database)
    assert site.sync().outcome == "ok"


def _until_free(database: Database) -> None:
    """The server takes a moment to notice a closed connection."""
    _until(database, "SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory'")


def _until(database: Database, condition: str, *values: object) -> None:
    """Waits until the condition is true, for at most half a minute."""
    deadline = time.monotonic() + 30
    while database.query(condition, *values) != [(True,)] and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("held", "wanted", "together"),
    [
        pytest.param(WHOLE, WHOLE, False, id="two runs"),
        pytest.param(WHOLE, WHOLE.shard(1, 4), False, id="a part during a run"),
        pytest.param(WHOLE.shard(1, 4), WHOLE, False, id="a run during a part"),
        pytest.param(WHOLE.shard(1, 4), WHOLE.shard(1, 4), False, id="the same part twice"),
        pytest.param(WHOLE.shard(1, 4), WHOLE.shard(2, 4), True, id="two parts"),
        pytest.param(WHOLE.shard(1, 4), WHOLE.shard(2, 3), False, id="parts of different wholes"),
        pytest.param(WHOLE, Settings(destination="postgres", raw_dataset="other"), True, id="another dataset"),
    ],
)
def test_runs_that_exclude_each_other(hold: Hold, held: Settings, wanted: Settings, together: bool) -> None:
    with ExitStack() as stack:
        hold(stack, held)
        if together:
            hold(stack, wanted)
        else:
            with pytest.raises(LockedError, match=re.compile(r"process \d+ on ")):
                hold(stack, wanted)
    with ExitStack() as stack:
        hold(stack, wanted)  # everything was released


def take_turns(database: Database, since: str, *seconds: float) -> list[threading.Thread]:
    """Keeps the gate of the dataset on one connection after the other, so long each. They wait for it in this order."""
    turns = [psycopg2.connect(database.url, application_name=f"bookings {n} {since} host") for n in range(len(seconds))]
    gate = int.from_bytes(blake2b(b"bookings_raw", digest_size=4).digest(), "big", signed=True), -1

    def take(turn: int) -> None:
        with turns[turn].cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", gate)
            waits[turn].set()
            time.sleep(seconds[turn])
        turns[turn].close()

    waits = [threading.Event() for _ in seconds]
    threads = [threading.Thread(target=take, args=(turn,)) for turn in range(len(seconds))]
    for turn, thread in enumerate(threads):
        thread.start()
        if turn == 0:
            waits[0].wait()
        else:
            _until(database, "SELECT count(*) = %s FROM pg_locks WHERE locktype = 'advisory'", turn + 1)
    return threads


def test_parts_that_begin_at_once_wait_for_their_turn(
    database: Database, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each creates tables for less than the timeout, and all of them together for longer."""
    monkeypatch.setattr("bookings_sync.warehouse.lock._GATE_TIMEOUT", "1500ms")
    threads = take_turns(database, "2026-11-02T09:00:00Z", 1, 1, 1, 1)
    with ExitStack() as stack:
        hold(stack, WHOLE.shard(1, 4))
        names = database.query(
            "SELECT DISTINCT split_part(application_name, ' ', 2) FROM pg_stat_activity JOIN pg_locks USING (pid)"
            " WHERE locktype = 'advisory'"
        )
        assert names == [(str(os.getpid()),)], "other runs read the holder from there"
    for thread in threads:
        thread.join()


def test_a_run_that_keeps_creating_tables_is_named(
    database: Database, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bookings_sync.warehouse.lock._GATE_TIMEOUT", "300ms")
    threads = take_turns(database, "2026-11-02T09:00:00Z", 3)
    with (
        pytest.raises(LockedError, match=r"process 0 on host, since 2026-11-02T09:00:00Z, .* for over 300ms"),
        ExitStack() as stack,
    ):
        hold(stack, WHOLE)
    for thread in threads:
        thread.join()


def test_a_lost_lock_is_noticed(database: Database, hold: Hold) -> None:
    with ExitStack() as stack:
        lock = hold(stack, WHOLE)
        lock.check()
        database.query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        with pytest.raises(LoadError, match="another run may have begun"):
            lock.check()
