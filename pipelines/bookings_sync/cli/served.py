"""A sandbox in a process of its own, as the demo uses one.

Input:  what kind of world.
Output: `Served`: its address, its keys, its clock; let time pass, ask for the truth. The process ends with the context,
        however that is left, and should even this process be killed: it lives only as long as its standard input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pendulum
from pendulum import DateTime

from bookings_sync.errors import BookingsError

_ENDS_WITHIN_S = 5


class Served:
    """A served sandbox. `now` moves on with real time from where the sandbox's own clock stands, as it should for one
    who watches it: versions of one sync follow one another."""

    def __init__(self, ready: dict[str, Any]) -> None:
        self.base_url: str = ready["base_url"]
        self.locations: list[dict[str, Any]] = ready["locations"]
        self._control = httpx.Client(
            base_url=self.base_url.removesuffix("/v1") + "/sandbox", timeout=120, trust_env=False
        )
        self._set_clock(ready["now"])

    def close(self) -> None:
        self._control.close()

    @property
    def now(self) -> DateTime:
        return self._clock_at.add(microseconds=round((time.monotonic() - self._clock_set) * 1_000_000))

    def advance(self, *, days: int) -> dict[str, int]:
        """Lets days pass; gives the number of changes by kind."""
        reply = self._control.post("/advance", json={"days": days}).raise_for_status().json()
        self._set_clock(reply["now"])
        changes: dict[str, int] = reply["changes"]
        return changes

    def truth(self, location_id: str) -> dict[str, Any]:
        """All of a location as the API would show it now."""
        truth: dict[str, Any] = self._control.get("/truth", params={"location": location_id}).raise_for_status().json()
        return truth

    def _set_clock(self, now: str) -> None:
        parsed = pendulum.parse(now)
        assert isinstance(parsed, DateTime)  # noqa: S101 - the sandbox writes instants
        self._clock_at, self._clock_set = parsed.in_timezone("UTC"), time.monotonic()


@contextmanager
def serve(*, now: DateTime, **options: int) -> Iterator[Served]:
    """Starts `bookings sandbox` on a free port, and ends it. `options` are its own, by name."""
    command = [sys.executable, "-m", "bookings_sync.cli", "sandbox", "--json", "--while-stdin"]
    command += ["--now", now.to_iso8601_string()]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    # A session of its own: Ctrl-C is for us, who end it when we are done with it.
    process = subprocess.Popen(  # noqa: S603 - ourselves
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.stdout is not None  # noqa: S101 - piped above
        ready = json.loads(process.stdout.readline() or "{}")
        if "base_url" not in ready:
            raise BookingsError(f"the sandbox did not start: {ready.get('error', 'it said nothing')}")
        served = Served(ready)
        try:
            yield served
        finally:
            served.close()
    finally:
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
