"""The lock file: a second run fails with the holder's name, and a killed process releases the lock."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bookings_sync.errors import LockedError
from bookings_sync.warehouse import dataset
from bookings_sync.warehouse.lock import locked

from .conftest import Site

HOLDER = """
import sys
from pathlib import Path
import pendulum
from bookings_sync.warehouse.lock import locked
with locked(Path(sys.argv[1]), since=pendulum.datetime(2026, 11, 2, 9)):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(site: Site) -> Iterator[subprocess.Popen[str]]:
    """Another process with the lock of the site's warehouse."""
    with dataset.open_pipeline(site.settings) as opened:
        path = dataset.lock_file(opened, site.settings)
    assert path.parent == site.database.parent
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_run_fails_and_names_the_holder(site: Site, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(LockedError, match=rf"process {holder.pid} on .*2026-11-02T09:00:00Z") as refused:
        site.sync()
    assert refused.value.exit_code == 75
    assert site.world.requests.total == 0
    assert not site.database.exists()


def test_killing_the_holder_releases_the_lock(site: Site, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    assert site.sync().outcome == "ok"


def test_an_error_releases_the_lock(site: Site) -> None:
    path = site.database.with_name("some.lock")

    def hold() -> None:
        with locked(path, since=site.clock()):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        hold()
    with locked(path, since=site.clock()), pytest.raises(LockedError, match=str(os.getpid())):
        hold()
    with pytest.raises(RuntimeError):
        hold()
