"""Serves a sandbox world in a separate process, so that the sandbox's cost is not measured.

Input:  the world's size as JSON on the command line; then commands on standard input, one JSON object per line.
Output: one JSON line when the server is ready, and one per command. The process ends with its standard input.

`world.World` starts this process and sends the commands.
"""

from __future__ import annotations

import gc
import json
import random
import sys
from datetime import UTC, datetime
from typing import Any

from bookings_sync.sandbox import Appointment, Quota, SandboxServer, World, WorldSpec, generate


def main() -> None:
    spec = json.loads(sys.argv[1])
    # The measured command uses the computer's clock, so the world starts at the same time.
    world = generate(WorldSpec(now=datetime.now(UTC).replace(minute=0, second=0, microsecond=0), **spec))
    gc.freeze()  # the world lives as long as the process; the collector would only walk a million rows
    with SandboxServer(world) as server:
        locations = [location._asdict() for location in world.locations]
        urls = {"base_url": server.base_url, "v2_base_url": server.base_url_v2}
        _reply({**urls, "now": world.now.isoformat(), "locations": locations})
        for line in sys.stdin:
            _reply(_handle(server, **json.loads(line)))


def _handle(server: SandboxServer, do: str, **what: Any) -> object:
    if do == "requests":
        return _requests(server.world)
    if do == "change":
        return _change(server.world, **what)
    if do == "limit":
        server.quota = Quota(requests=what["requests"], seconds=what["seconds"]) if what["requests"] else None
        server.latency_ms = what["latency_ms"]
        return None
    raise ValueError(f"unknown command {do!r}")


def _requests(world: World) -> list[dict[str, Any]]:
    """The requests since the last call, oldest first. `key` is the location's API key."""
    keys = {location.id: location.key for location in world.locations}
    records = world.requests.records
    world.requests.reset()
    return [
        {
            "at": each.at,
            "endpoint": each.endpoint,
            "path": f"{each.path}?{each.query}" if each.query else each.path,
            "status": each.status,
            "key": keys.get(each.location_id or "", ""),
        }
        for each in records
    ]


def _change(world: World, rows: int, start_ms: int, end_ms: int, seed: int) -> int:
    """Marks `rows` random appointments that start in `[start_ms, end_ms)`. Returns how many were marked."""
    listed: list[Appointment] = [
        row
        for data in world.data.values()
        for row in data.by_start.starting(start_ms, end_ms)
        if row.active and not row.block
    ]
    chosen = random.Random(seed).sample(listed, min(rows, len(listed)))
    for row in chosen:
        world.mark(row.location_id, row.id, "noshow" if row.attendance == "showed" else "showed")
    return len(chosen)


def _reply(answer: object) -> None:
    print(json.dumps(answer, default=str), flush=True)


if __name__ == "__main__":
    main()
