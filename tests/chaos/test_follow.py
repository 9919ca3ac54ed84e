"""`bookings follow` through kills, signals, pauses, readers, manual syncs, failing locations, outages and clock jumps.

After all of it the warehouse equals the calendar, no key has two current versions, readers of the copy were never
refused, and a change is still published.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pendulum
import pytest

from bookings_sync.sandbox import Fault, Faults, SandboxServer, WorldSpec, generate
from bookings_sync.sync import pipeline
from bookings_sync.sync.follower import Follower
from integration.sync.conftest import Site, Tally, small

from .conftest import CHAOS_SEED, amount

CONFIG = """
[sources.bookings]
base_url = "{base_url}"
history_start = 2099-01-01
lookback_days = 60
rate_limit = 300
read_timeout_seconds = 5.0
attempts = 2
slots = false
"""
STATUSES = ("showed", "noshow", "cancelled", "confirmed")


@dataclass
class Live:
    """A served calendar, a folder configured for it, and `bookings follow` over it. `refused` are errors of readers."""

    folder: Path
    server: SandboxServer
    rng: random.Random
    process: subprocess.Popen[str] | None = None
    refused: list[str] = field(default_factory=list)
    reads: int = 0
    codes: list[int] = field(default_factory=list)

    @property
    def copy(self) -> Path:
        return self.folder / "bookings_read.duckdb"

    def run(self, *arguments: str) -> int:
        command = [sys.executable, "-m", "bookings_sync.cli", *arguments]
        return subprocess.run(command, cwd=self.folder, check=False, capture_output=True, timeout=300).returncode

    def start(self) -> None:
        with (self.folder / "follow.log").open("a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bookings_sync.cli", "-v", "-v", "follow"],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                text=True,
            )

    def said(self) -> str:
        """The last lines of the process, for a failed assertion."""
        return (self.folder / "follow.log").read_text(encoding="utf-8", errors="replace")[-4_000:]

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, number: signal.Signals) -> int:
        """Sends a signal and returns the exit code. The process ends by itself, in time or not at all."""
        assert self.process is not None
        assert self.process.poll() is None, f"it ended by itself: {self.said()}"
        self.send(number)
        code = self.process.wait(60)
        self.codes.append(code)
        return code

    def change(self) -> tuple[str, str]:
        """Changes an appointment of the last or the next days. Returns its id and its status."""
        location = self.rng.choice(self.server.world.locations)
        rows = [row for row in self.server.world.data[location.id].by_start if not row.block]
        near = sorted(rows, key=lambda row: abs(row.start_ms - self.server.world.now_ms))[:40]
        row = self.rng.choice(near)
        status = self.rng.choice([each for each in STATUSES if each != row.attendance])
        self.server.world.mark(location.id, row.id, status)  # type: ignore[arg-type]
        return row.id, status

    def published(self, appointment_id: str) -> str | None:
        with duckdb.connect(str(self.copy), read_only=True) as connection:
            row = connection.execute(
                "SELECT status FROM bookings_marts.fct_appointments WHERE appointment_id = ?", [appointment_id]
            ).fetchone()
        return None if row is None else str(row[0])

    def read_all_the_time(self, until: threading.Event) -> None:
        """Opens the read copy again and again, as analysts do."""
        while not until.wait(0.2):
            try:
                with duckdb.connect(str(self.copy), read_only=True) as connection:
                    connection.execute("SELECT count(*) FROM bookings_marts.fct_appointments").fetchall()
                self.reads += 1
            except duckdb.Error as error:
                self.refused.append(str(error))

    def truth(self) -> dict[str, str]:
        data = self.server.world.data
        return {
            row.id: row.attendance for each in data.values() for row in each.appointments.values() if not row.deleted
        }

    def held(self) -> dict[str, str]:
        with duckdb.connect(str(self.folder / "bookings.duckdb"), read_only=True) as connection:
            rows = connection.execute(
                "SELECT id, coalesce(appoinment_status, appointment_status) FROM bookings_raw.appointments"
                " WHERE _dlt_valid_to IS NULL AND deleted_at IS NULL"
            ).fetchall()
        assert len(rows) == len({row[0] for row in rows}), "a key has two current versions"
        return dict(rows)


@pytest.fixture
def live(tmp_path: Path, seed: int) -> Iterator[Live]:
    now = datetime.now(UTC)
    world = generate(
        WorldSpec(now=now, seed=seed, locations=2, services_per_location=2, appointments=160, past_days=40)
    )
    with SandboxServer(world) as server:
        (tmp_path / ".dlt").mkdir()
        keys = [f'[sources.bookings.locations.{each.name}]\napi_key = "{each.key}"\n' for each in world.locations]
        (tmp_path / ".dlt/secrets.toml").write_text("\n".join(keys))
        (tmp_path / ".dlt/config.toml").write_text(CONFIG.format(base_url=server.base_url))
        found = Live(tmp_path, server, random.Random(f"follow/{seed}"))
        yield found
        if found.process is not None and found.process.poll() is None:
            found.process.kill()
            found.process.wait()


# -- what happens ----------------------------------------------------------------------------------------------------


def killed(live: Live) -> None:
    assert live.end(signal.SIGKILL) == -signal.SIGKILL
    live.start()


def terminated(live: Live) -> None:
    assert live.end(signal.SIGTERM) in (143, -signal.SIGTERM)  # the latter before its handlers are there
    live.start()


def interrupted(live: Live) -> None:
    assert live.end(signal.SIGINT) in (130, -signal.SIGINT)
    live.start()


def suspended(live: Live) -> None:
    live.send(signal.SIGSTOP)
    live.change()
    time.sleep(live.rng.uniform(0.5, 8))
    live.send(signal.SIGCONT)


def read_by_another_program(live: Live) -> None:
    with suppress(duckdb.Error), duckdb.connect(str(live.folder / "bookings.duckdb"), read_only=True):
        time.sleep(live.rng.uniform(0.5, 4))


def synced_by_hand(live: Live) -> None:
    assert live.run("sync", "--quiet") in (0, 75)


def transformed_by_hand(live: Live) -> None:
    assert live.run("transform", "--quiet") in (0, 75)


def a_location_fails(live: Live) -> None:
    location = live.rng.choice(live.server.world.locations)
    kind = live.rng.choice(["503", "reset", "429_seconds", "html", "truncated"])
    live.server.faults = Faults([Fault(kind=kind, location_id=location.id)])  # type: ignore[arg-type]
    time.sleep(live.rng.uniform(1, 12))
    live.server.faults = Faults()


def all_fail(live: Live) -> None:
    live.server.faults = Faults([Fault(kind=live.rng.choice(["503", "reset"]))])
    time.sleep(live.rng.uniform(1, 12))
    live.server.faults = Faults()


TROUBLES: tuple[Callable[[Live], None], ...] = (
    killed, terminated, interrupted, suspended, read_by_another_program, synced_by_hand, transformed_by_hand,
    a_location_fails, all_fail,
)  # fmt: skip


@pytest.mark.parametrize("seed", range(CHAOS_SEED, CHAOS_SEED + amount(1, 6)))
def test_random_troubles_while_following(live: Live, tally: Tally) -> None:
    assert live.run("run", "--quiet") == 0
    live.start()
    over = threading.Event()
    reader = threading.Thread(target=live.read_all_the_time, args=(over,))
    reader.start()
    try:
        for _ in range(amount(4, 25)):
            live.change()
            time.sleep(live.rng.uniform(0, 4))
            live.rng.choice(TROUBLES)(live)
            tally("troubles while following", 1)
        live.server.faults = Faults()
        last, status = live.change()
        deadline = time.monotonic() + 300
        while live.published(last) != status:
            assert live.process is not None
            assert live.process.poll() is None, f"it ended by itself: {live.said()}"
            assert time.monotonic() < deadline, f"the last change was never published: {live.said()}"
            time.sleep(0.5)
    finally:
        over.set()
        reader.join()
    live.end(signal.SIGTERM)
    assert live.refused == []
    assert live.reads > 0
    assert live.run("sync", "--quiet") == 0
    assert live.held() == live.truth()


# -- clocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(CHAOS_SEED, CHAOS_SEED + amount(1, 20)))
def test_clock_jumps_while_following(open_site: Callable[..., Site], seed: int) -> None:
    """The computer's clock jumps hours or days, forwards and back. Changes are seen all the same."""
    rng = random.Random(f"clock/{seed}")
    site = open_site(small(appointments=150), slots=False)
    error_ms, monotonic = 0, 0.0

    def clock() -> pendulum.DateTime:
        return pendulum.from_timestamp((site.world.now_ms + error_ms) / 1_000)

    follower = Follower(site.settings, monotonic=lambda: monotonic)
    try:
        pipeline.sync(site.settings, clock=clock)
        for _ in range(amount(2, 8)):
            error_ms = rng.choice([0, rng.randint(-3, 3) * 3_600_000, rng.randint(-30, 30) * 86_400_000])
            row = rng.choice([each for each in site.world.data[site.location_id].by_start if not each.block])
            status = rng.choice([each for each in STATUSES if each != row.attendance])
            site.world.mark(site.location_id, row.id, status)  # type: ignore[arg-type]
            seen = 0
            for _ in range(20):
                monotonic += 5
                site.world.now_ms += 5_000
                follower.reads = dict.fromkeys(site.settings.locations, 12)
                result = pipeline.sync(site.settings, clock=clock, follower=follower)
                assert result.row["errors"] == "[]"
                seen += result.changes.changed
                if seen:
                    break
            assert seen == 1
    finally:
        follower.close()
    pipeline.sync(site.settings, clock=site.clock)
    live_rows = {row["id"]: row["appoinment_status"] or row["appointment_status"] for row in site.live("appointments")}
    assert live_rows == {row.id: row.attendance for row in site.world.data[site.location_id].appointments.values()}
