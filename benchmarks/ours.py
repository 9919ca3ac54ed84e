"""Our side: the command `bookings` as a user runs it, in a folder of its own with a configuration of its own.

Input:  a world.
Output: `Ours`: what its commands cost and print. The rate limit is lifted unless told otherwise: what is measured is
        work, not waiting.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb

from measure import Cost, measure
from world import World

BOOKINGS = Path(sys.executable).with_name("bookings")
PATHS = Path(__file__).parent / "paths"

NO_LIMIT = 1_000_000
_TRIES = 5


class Ours:
    """`bookings`, configured for a world, in `folder`. `database` is its warehouse."""

    def __init__(self, world: World, folder: Path, *, rate_limit: int = NO_LIMIT) -> None:
        self._world, self.folder = world, folder
        self.database = folder / "bookings.duckdb"
        (folder / ".dlt").mkdir(parents=True, exist_ok=True)
        (folder / ".dlt" / "config.toml").write_text(
            f'[sources.bookings]\nbase_url = "{world.base_url}"\nhistory_start = {world.history_start}\n'
            f"rate_limit = {rate_limit}\n",
            encoding="utf-8",
        )
        secrets = ['[destination.duckdb]\ncredentials = "bookings.duckdb"\n']
        secrets += (
            f'[sources.bookings.locations.{each.name}]\napi_key = "{each.key}"\ntimezone = "{each.timezone}"\n'
            # One location's id is found in its appointments; of many small ones, some have none near to find it in.
            + (f'location_id = "{each.id}"\n' if len(world.locations) > 1 else "")
            for each in world.locations
        )
        (folder / ".dlt" / "secrets.toml").write_text("\n".join(secrets), encoding="utf-8")

    def first_sync(self) -> Cost:
        """Into no warehouse: one there is removed."""
        self.forget()
        return self.sync()

    def forget(self) -> None:
        for path in self.folder.glob("*.duckdb*"):
            path.unlink()

    def sync(self, *options: str) -> Cost:
        cost = self._run("sync", "--quiet", "--json", *options)
        if (outcome := summary(cost)["outcome"]) != "ok":
            raise RuntimeError(f"the sync ended {outcome}: {summary(cost)['errors'][:1]}")
        return cost

    def sync_unchanged(self) -> Cost:
        """A sync that finds nothing. One that does is run again: as time passes, a free slot comes into sight at the
        end of their range now and then. Raises RuntimeError where anything else has changed."""
        for _ in range(_TRIES):
            cost = self.sync()
            tables = summary(cost)["tables"]
            if not tables:
                return cost
            if set(tables) != {"slots"}:
                break
        raise RuntimeError(f"nothing was changed, and the sync found {tables}")

    def settle(self) -> None:
        """Syncs until windows no longer change their length, so that replies can be compared with the last ones."""
        self.sync()
        self.sync()
        self._world.requests()

    def plan(self, *options: str) -> dict[str, Any]:
        return summary(self._run("sync", "--plan", "--json", *options))

    def transform(self, *options: str) -> Cost:
        return self._run("transform", "--quiet", "--json", *options)

    def status(self) -> Cost:
        return self._run("status")

    def help(self) -> Cost:
        return self._run("--help")

    def script(self, name: str, *arguments: str | Path) -> Cost:
        """One of `paths`, in this folder and with our own Python."""
        return measure([sys.executable, PATHS / f"{name}.py", *arguments], cwd=self.folder)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def _run(self, *arguments: str) -> Cost:
        return measure([BOOKINGS, *arguments], cwd=self.folder)


def summary(cost: Cost) -> dict[str, Any]:
    """What a command printed as JSON."""
    printed: dict[str, Any] = json.loads(cost.output)
    return printed


def write_requests(world: World, requests: Iterable[dict[str, Any]], file: Path) -> Path:
    """Requests as the paths take them."""
    root = world.base_url.removesuffix("/v1")
    listed = [{"url": root + each["path"], "key": each["key"]} for each in requests]
    file.write_text(json.dumps(listed), encoding="utf-8")
    return file


def once_each(requests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The requests for appointments, cut so that no row comes twice: the API's end is inclusive, and a window may have
    been asked for within another."""
    scopes: dict[str, list[tuple[int, int, dict[str, Any]]]] = {}
    for each in requests:
        if each["endpoint"] == "GET /appointments/" and each["status"] == 200:
            query = parse_qs(urlsplit(each["path"]).query)
            start, end = int(query["startDate"][0]), int(query["endDate"][0])
            scopes.setdefault(each["key"] + query["calendarId"][0], []).append((start, -end, each))
    cut: list[dict[str, Any]] = []
    for windows in scopes.values():
        reached = 0
        for start, minus_end, each in sorted(windows, key=lambda window: window[:2]):
            begin, end = max(start, reached), -minus_end
            if begin < end:
                path = re.sub(r"startDate=\d+", f"startDate={begin}", each["path"])
                cut.append(each | {"path": re.sub(r"endDate=\d+", f"endDate={end - 1}", path)})
                reached = end
    return cut
