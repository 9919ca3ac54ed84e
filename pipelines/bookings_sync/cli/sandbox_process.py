"""Runs `bookings sandbox` as a subprocess of the demo.

Input:  the size of the calendar.
Output: a `SandboxProcess`: its address and keys, its clock, the true state of its calendar.
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

_SECONDS_TO_STOP = 5


class SandboxProcess:
    """A running sandbox.

    The sandbox's clock does not move between two calls of `advance`. `now` adds the real time that has passed, so that
    consecutive writes of one sync get increasing timestamps.
    """

    def __init__(self, ready: dict[str, Any]) -> None:
        root = ready["base_url"].removesuffix("/v1")
        self.base_urls = {"v1": f"{root}/v1", "v2": root}
        self._control = httpx.Client(base_url=f"{root}/sandbox", timeout=120, trust_env=False)
        self.locations: list[dict[str, Any]] = self._get("/locations")["locations"]
        self._set_clock(ready["now"])

    def close(self) -> None:
        self._control.close()

    @property
    def now(self) -> DateTime:
        return self._clock_at.add(microseconds=round((time.monotonic() - self._clock_set) * 1_000_000))

    def advance(self, *, days: int) -> dict[str, int]:
        """Simulates some days. Returns the number of changes by kind."""
        reply = self._control.post("/advance", json={"days": days}).raise_for_status().json()
        self._set_clock(reply["now"])
        changes: dict[str, int] = reply["changes"]
        return changes

    def truth(self, location_id: str, api: str) -> dict[str, Any]:
        """Everything that this API would return for a location now."""
        return self._get("/truth", location=location_id, api=api)

    def _get(self, path: str, **params: str) -> dict[str, Any]:
        reply: dict[str, Any] = self._control.get(path, params=params).raise_for_status().json()
        return reply

    def _set_clock(self, now: str) -> None:
        parsed = pendulum.parse(now)
        assert isinstance(parsed, DateTime)  # noqa: S101 - the sandbox sends instants
        self._clock_at, self._clock_set = parsed.in_timezone("UTC"), time.monotonic()


@contextmanager
def run_sandbox_process(*, now: DateTime, **options: int) -> Iterator[SandboxProcess]:
    """Starts a sandbox on a free port and stops it afterwards. `options` are options of `bookings sandbox`.

    The sandbox also stops if this process is killed, because its stdin closes then.
    """
    command = [sys.executable, "-m", "bookings_sync.cli", "sandbox", "--json", "--while-stdin"]
    command += ["--now", now.to_iso8601_string()]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    # A new session keeps Ctrl-C from the sandbox: this process handles it and then stops the sandbox.
    process = subprocess.Popen(  # noqa: S603 - our own command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.stdout is not None  # noqa: S101 - piped above
        ready = json.loads(process.stdout.readline() or "{}")
        if "base_url" not in ready:
            raise BookingsError(f"the sandbox did not start: {ready.get('error', 'it printed nothing')}")
        sandbox = SandboxProcess(ready)
        try:
            yield sandbox
        finally:
            sandbox.close()
    finally:
        process.terminate()
        try:
            process.wait(_SECONDS_TO_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
