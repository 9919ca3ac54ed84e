"""The client side of a served sandbox world.

Input:  the numbers of appointments, locations and services.
Output: `World`: its address and keys, its request log, and changes to it. `serve` runs it in another process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

PAST_DAYS, FUTURE_DAYS = 400, 120
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Location:
    id: str
    name: str
    key: str
    pit: str
    timezone: str


class World:
    """A served world. `[start_ms, end_ms)` contains all its appointments. `now_ms` does not advance."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        ready = self._receive()
        self.base_url: str = ready["base_url"]
        self.v2_base_url: str = ready["v2_base_url"]
        self.locations = [
            Location(each["id"], each["name"], each["key"], each["pit"], each["timezone"])
            for each in ready["locations"]
        ]
        self.now = datetime.fromisoformat(ready["now"])
        self.now_ms = round(self.now.timestamp() * 1000)
        self.start_ms = self.now_ms - (PAST_DAYS + 7) * DAY_MS
        self.end_ms = self.now_ms + (FUTURE_DAYS + 60) * DAY_MS

    @property
    def history_start(self) -> str:
        """The `history_start` that a careful user would set."""
        return str((self.now - timedelta(days=PAST_DAYS + 7)).date())

    def requests(self) -> list[dict[str, Any]]:
        """The requests since the last call: at (seconds), endpoint, path with query, status, key."""
        requests: list[dict[str, Any]] = self._send(do="requests")
        return requests

    def change(self, rows: int, *, start_ms: int, end_ms: int, seed: int) -> int:
        """Marks the attendance of `rows` random appointments in the range. Returns how many were marked."""
        return int(self._send(do="change", rows=rows, start_ms=start_ms, end_ms=end_ms, seed=seed))

    def limit(self, *, requests: int = 0, seconds: float = 10.0, latency_ms: float = 0.0) -> None:
        """Sets the rate limit per location (0 requests: no limit) and the latency of a reply."""
        self._send(do="limit", requests=requests, seconds=seconds, latency_ms=latency_ms)

    def _send(self, **command: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._receive()

    def _receive(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the sandbox ended; its output is above")
        return json.loads(line)


@contextmanager
def served(appointments: int, *, locations: int = 1, services: int = 20) -> Iterator[World]:
    """Serves a world in another process while the context is open."""
    spec = {
        "appointments": appointments,
        "locations": locations,
        "services_per_location": services,
        "past_days": PAST_DAYS,
        "future_days": FUTURE_DAYS,
    }
    command = [sys.executable, str(Path(__file__).with_name("serve.py")), json.dumps(spec)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield World(process)
        finally:
            process.terminate()
