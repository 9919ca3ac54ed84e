"""Runs the command `bookings` as a user does, in a separate folder with its own configuration.

Input:  a world.
Output: `Ours`: the cost and output of its commands. By default there is no rate limit, because the benchmarks measure
        work and not waiting.
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
    """`bookings`, configured for a world in `folder`, which it reads by `api`. `database` is the warehouse."""

    def __init__(self, world: World, folder: Path, *, rate_limit: int = NO_LIMIT, api: str = "v1") -> None:
        self._world, self.folder = world, folder
        self.database = folder / "bookings.duckdb"
        (folder / ".dlt").mkdir(parents=True, exist_ok=True)
        (folder / ".dlt" / "config.toml").write_text(
            f'[sources.bookings]\nbase_url = "{world.base_url}"\nv2_base_url = "{world.v2_base_url}"\n'
            f"history_start = {world.history_start}\nrate_limit = {rate_limit}\n",
            encoding="utf-8",
        )
        secrets = ['[destination.duckdb]\ncredentials = "bookings.duckdb"\n']
        secrets += (
            f'[sources.bookings.locations.{each.name}]\ntimezone = "{each.timezone}"\n'
            + f'api_key = "{each.key if api == "v1" else each.pit}"\n'
            # Some of many small locations have no appointment near now from which their id could be learnt.
            + (f'location_id = "{each.id}"\n' if len(world.locations) > 1 or api != "v1" else "")
            for each in world.locations
        )
        (folder / ".dlt" / "secrets.toml").write_text("\n".join(secrets), encoding="utf-8")

    def first_sync(self) -> Cost:
        """Removes the warehouse, then syncs."""
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
        """A sync without news. Repeats the sync if it finds slots, because time passes and a slot may enter the range.
        Raises RuntimeError if anything else changed."""
        for _ in range(_TRIES):
            cost = self.sync()
            tables = summary(cost)["tables"]
            if not tables:
                return cost
            if set(tables) != {"slots"}:
                break
        raise RuntimeError(f"nothing was changed, and the sync found {tables}")

    def settle(self) -> None:
        """Syncs until the windows keep their lengths, so that replies can equal the previous ones."""
        self.sync()
        self.sync()
        self._world.requests()

    def plan(self, *options: str) -> dict[str, Any]:
        return summary(self._run("sync", "--plan", "--json", *options))

    def transform(self, *options: str) -> Cost:
        return self._run("transform", "--quiet", "--json", *options)

    def run(self) -> Cost:
        """A sync and a transform in one process."""
        return self._run("run", "--quiet", "--json")

    def status(self) -> Cost:
        return self._run("status")

    def help(self) -> Cost:
        return self._run("--help")

    def script(self, name: str, *arguments: str | Path) -> Cost:
        """Runs one of `paths` in this folder with the current Python."""
        return measure([sys.executable, PATHS / f"{name}.py", *arguments], cwd=self.folder)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def _run(self, *arguments: str) -> Cost:
        return measure([BOOKINGS, *arguments], cwd=self.folder)


def summary(cost: Cost) -> dict[str, Any]:
    """The JSON object that a command printed."""
    printed: dict[str, Any] = json.loads(cost.output)
    return printed


def write_requests(world: World, requests: Iterable[dict[str, Any]], file: Path) -> Path:
    """Writes requests in the form that the scripts in `paths` read."""
    root = world.base_url.removesuffix("/v1")
    listed = [{"url": root + each["path"], "key": each["key"]} for each in requests]
    file.write_text(json.dumps(listed), encoding="utf-8")
    return file


def once_each(requests: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The requests for appointments, with windows cut so that no row is returned twice.

    The API's end is inclusive, and a window may overlap an earlier one.
    """
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
