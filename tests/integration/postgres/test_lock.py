"""The advisory lock: one run at a time, or all parts of one sharded run. A killed process releases it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pendulum
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
    deadline = time.monotonic() + 30
    while database.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") and time.monotonic() < deadline:
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


def test_a_lost_lock_is_noticed(database: Database, hold: Hold) -> None:
    with ExitStack() as stack:
        lock = hold(stack, WHOLE)
        lock.check()
        database.query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        with pytest.raises(LoadError, match="another run may have begun"):
            lock.check()
