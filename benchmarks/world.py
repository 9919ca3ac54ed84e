"""The world of a benchmark, as those who measure see it.

Input:  how many appointments, locations and services.
Output: `World`: its address and keys; its log of requests; changes to it. Another process serves it (`serve`).
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
    timezone: str


class World:
    """A served world. `[start_ms, end_ms)` holds all its appointments, `now_ms` stands still."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        ready = self._answer()
        self.base_url: str = ready["base_url"]
        self.locations = [
            Location(each["id"], each["name"], each["key"], each["timezone"]) for each in ready["locations"]
        ]
        self.now = datetime.fromisoformat(ready["now"])
        self.now_ms = round(self.now.timestamp() * 1000)
        self.start_ms = self.now_ms - (PAST_DAYS + 7) * DAY_MS
        self.end_ms = self.now_ms + (FUTURE_DAYS + 60) * DAY_MS

    @property
    def history_start(self) -> str:
        """The date a careful user would write as `history_start`."""
        return str((self.now - timedelta(days=PAST_DAYS + 7)).date())

    def requests(self) -> list[dict[str, Any]]:
        """The requests since this was last asked: at (seconds), endpoint, path with query, status, key."""
        requests: list[dict[str, Any]] = self._tell(do="requests")
        return requests

    def change(self, rows: int, *, start_ms: int, end_ms: int, seed: int) -> int:
        """Marks the attendance of so many appointments between the two, spread over all; gives how many."""
        return int(self._tell(do="change", rows=rows, start_ms=start_ms, end_ms=end_ms, seed=seed))

    def limit(self, *, requests: int = 0, seconds: float = 10.0, latency_ms: float = 0.0) -> None:
        """Requests each location is allowed in any so many seconds (0: any number), and how long a reply is held."""
        self._tell(do="limit", requests=requests, seconds=seconds, latency_ms=latency_ms)

    def _tell(self, **command: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the sandbox has ended; what it said stands above")
        return json.loads(line)


@contextmanager
def served(appointments: int, *, locations: int = 1, services: int = 20) -> Iterator[World]:
    """A world in a process of its own, for as long as the context lasts."""
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
