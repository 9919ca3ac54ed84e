"""Measures everything after a first load: syncs without news, small deltas, full syncs, the models, start-up.

Input:  the number of rows, the number of runs, a folder to work in.
Output: four sections of the results for `bench`.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from itertools import count
from pathlib import Path

from measure import Cost, Figures, in_turn, progress, repeated
from ours import Ours, summary, write_requests
from results import COST, Section, Target
from world import DAY_MS, World, served

HOT_BACK_DAYS, HOT_AHEAD_DAYS = 45, 365
"""The default hot range."""
START_UP_S = 1.0
"""CPU seconds a sync may take apart from its replies: Python's start, imports, dlt, opening the warehouse."""


def standing(rows: int, runs: int, folder: Path) -> list[Section]:
    """Loads `rows` appointments without measuring, then measures what follows."""
    progress(f"standing warehouse: {rows:,} appointments")
    with served(rows) as world:
        ours = Ours(world, folder / "standing")
        requests = _Requests(world, ours)
        requests.first_load()
        ours.settle()
        unchanged = _unchanged(world, ours, rows, runs)
        requests.planned("nothing new")
        requests.planned("all history again", "--full")
        return [unchanged, requests.section, _models(world, ours, rows, runs), _start_up(ours, rows, runs)]


# -- no news, and small deltas ---------------------------------------------------------------------------------------


def _unchanged(world: World, ours: Ours, rows: int, runs: int) -> Section:
    section = Section(
        "unchanged",
        f"Syncs of a warehouse of {rows:,} appointments",
        ("path", *COST, "requests", "JSON MB", "rows written", "÷ fetching and parsing"),
    )
    cost = ours.sync_unchanged()
    requests = write_requests(world, world.requests()[-summary(cost)["requests"] :], ours.folder / "requests.json")
    seeds = count(1)
    paths = {
        "nothing new": ours.sync_unchanged,
        "fetch and parse": lambda: ours.script("fetch_and_parse", requests),
        "one change": lambda: _delta(world, ours, 1, next(seeds)),
    }
    (quiet, _), (reference, cost), (one, _) = in_turn(paths, runs)
    world.requests()
    replies = json.loads(cost.output)
    share = rows // 100
    delta, cost = repeated("1 % delta", lambda: _delta(world, ours, share, next(seeds)), runs, warm_up=False)
    section.add("nothing new", quiet, replies["requests"], replies["bytes"] / 1e6, 0, quiet.cpu_s / reference.cpu_s)
    section.add("fetching and parsing the same replies", reference, replies["requests"], replies["bytes"] / 1e6, 0, 1.0)
    changed = summary(cost)["tables"]["appointments"]["changed"]
    section.add("one change", one, None, None, 1, one.cpu_s / reference.cpu_s)
    section.add("1 % delta", delta, summary(cost)["requests"], None, changed, delta.cpu_s / reference.cpu_s)
    section.notes = [
        f"The hot range is {HOT_BACK_DAYS} days back and {HOT_AHEAD_DAYS} ahead. Fetching and parsing sends the "
        "requests of the last sync with httpx, one after another, and parses each reply with orjson.",
        f"One change, 1 % delta: before each sync one appointment, or {changed:,} of the hot range, are marked. The "
        "sync found and wrote all of them.",
    ]
    allowed = 0.5 * replies["cpu_s"] + START_UP_S
    section.targets = [
        Target.at_most("sync with nothing new, CPU (½ of fetching and parsing, plus 1 s)", quiet.cpu_s, allowed, " s"),
        Target.at_most("one change ÷ nothing new, CPU", one.cpu_s / quiet.cpu_s, 1.2),
        Target.at_most("1 % delta ÷ nothing new, CPU", delta.cpu_s / quiet.cpu_s, 2),
    ]
    return section


def _delta(world: World, ours: Ours, rows: int, seed: int) -> Cost:
    start, end = world.now_ms - (HOT_BACK_DAYS - 1) * DAY_MS, world.now_ms + HOT_AHEAD_DAYS * DAY_MS
    changed = world.change(rows, start_ms=start, end_ms=end, seed=seed)
    cost = ours.sync()
    found = summary(cost)["tables"].get("appointments", {})
    if found.get("changed") != changed or sum(found.values()) != changed:
        raise RuntimeError(f"{changed} appointments were changed, and the sync found {found}")
    return cost


# -- requests --------------------------------------------------------------------------------------------------------

_ENDPOINTS = {
    "teams": "GET /calendars/teams",
    "services": "GET /calendars/services",
    "appointments": "GET /appointments/",
    "slots": "GET /appointments/slots",
    "verifications": "GET /appointments/:id",
}


class _Requests:
    """Counts the requests of each sync and adds them to a section."""

    def __init__(self, world: World, ours: Ours) -> None:
        self._world, self._ours = world, ours
        self.section = Section(
            "requests",
            "Requests: what the plan names against what the server sees",
            ("sync", *_ENDPOINTS, "planned", "sent", "least for 5,000 rows a reply", "÷ least"),
            notes=[
                "Planned: the requests that `bookings sync --plan` shows just before; for a first load, which plans "
                "while it reads, the planned reads in its summary. Sent: the server's log, by endpoint. Least: the "
                "rows of each service in replies of 5,000, at least one reply per service, appointments only.",
                "A first load does not know how full a calendar is. It reads 16 days of each service and plans the "
                "rest from their density.",
            ],
        )

    def first_load(self) -> None:
        cost = self._ours.first_sync()
        found = summary(cost)
        self._count("first load", found["reads"]["planned"] + found["verifications"], found["run_id"])

    def planned(self, name: str, *options: str) -> None:
        planned = self._ours.plan(*options)["requests"]
        self._world.requests()
        found = summary(self._ours.sync(*options))
        least, requests = self._count(name, planned + found["verifications"], found["run_id"])
        self.section.targets.append(
            Target.at_most(f"requests for appointments ÷ least possible, {name}", requests / least, 2)
        )

    def _count(self, name: str, planned: int, run_id: str) -> tuple[int, int]:
        """Adds the row of one sync. Returns the least possible and the sent requests for appointments."""
        sent = Counter(each["endpoint"] for each in self._world.requests())
        counts = [sent[endpoint] for endpoint in _ENDPOINTS.values()]
        least, requests = _least(self._ours, run_id), sent["GET /appointments/"]
        self.section.rows.append((name, *counts, planned, sent.total(), least, requests / least))
        total = sent.total()
        self.section.targets.append(
            Target(f"requests sent, {name}", f"= {planned:,} planned", f"{total:,}", total == planned, total)
        )
        return least, requests


def _least(ours: Ours, run_id: str) -> int:
    """The fewest requests that could return a run's appointments, 5,000 per reply."""
    ((least,),) = ours.ask(
        "SELECT sum(greatest(1, ceil(rows / 5000.0)))::BIGINT FROM (SELECT scope_id, sum(reply_rows) AS rows"
        f" FROM bookings_raw.reads WHERE endpoint = 'appointments' AND run_id = '{run_id}' GROUP BY scope_id)"
    )
    return int(least)


# -- models ----------------------------------------------------------------------------------------------------------


def _models(world: World, ours: Ours, rows: int, runs: int) -> Section:
    section = Section(
        "models",
        f"Models over {rows:,} appointments and their slots",
        ("path", *COST, "÷ the same SQL by DuckDB"),
    )
    bare = ours.folder / "bare" / ours.database.name  # qualified references contain the file's name
    bare.parent.mkdir(exist_ok=True)
    statements = ours.folder / "statements.json"
    models = summary(ours.transform())["models"]
    ours.script("record_models", statements)
    shutil.copyfile(ours.database, bare)
    paths = {
        "models": lambda: ours.transform("--full"),
        "bare DuckDB": lambda: ours.script("bare_duckdb", bare, statements),
        "its builds": lambda: ours.script("bare_duckdb", bare, statements, "--builds"),
    }
    (built, _), (all_of_it, cost), (builds, _) = in_turn(paths, runs)
    for name, figures in (
        ("bookings transform --full", built),
        ("the same SQL by DuckDB alone: builds, audits, comments, swap", all_of_it),
        ("of it the builds alone", builds),
    ):
        section.add(name, figures, figures.cpu_s / all_of_it.cpu_s)
    seeds = count(1_000)
    after, _ = repeated(
        "after a delta", lambda: _after_delta(world, ours, rows // 100, next(seeds)), runs, warm_up=False
    )
    section.add("bookings transform after a 1 % delta", after, after.cpu_s / all_of_it.cpu_s)
    section.notes = [
        f"{len(models)} models of {sum(each['rows'] for each in models):,} rows, with "
        f"{sum(each['audits'] for each in models)} audits. The SQL is recorded from the transform: "
        f"{json.loads(cost.output)['statements']:,} statements. `bookings transform` also publishes the read copy.",
        f"After a sync that found {rows // 100:,} appointments changed, the transform rebuilds those rows of the "
        "largest tables in place, and all other tables completely.",
    ]
    section.targets = [
        Target.at_most("models ÷ the same SQL by DuckDB alone, CPU", built.cpu_s / all_of_it.cpu_s, 1.15)
    ]
    return section


def _after_delta(world: World, ours: Ours, rows: int, seed: int) -> Cost:
    _delta(world, ours, rows, seed)
    cost = ours.transform()
    if summary(cost)["rebuilt"] != rows:
        raise RuntimeError(
            f"{rows} appointments were changed, and the transform built {summary(cost)['rebuilt']} again"
        )
    return cost


# -- start-up --------------------------------------------------------------------------------------------------------


def _start_up(ours: Ours, rows: int, runs: int) -> Section:
    section = Section("start-up", "Start-up", ("command", *COST))
    figures: dict[str, Figures] = {}
    for name, command in (("bookings --help", ours.help), ("bookings status", ours.status)):
        figures[name], _ = repeated(name, command, max(runs, 3))
        section.add(name, figures[name])
    section.notes = [f"`bookings status` over the warehouse of {rows:,} appointments."]
    section.targets = [
        Target.at_most("bookings --help, CPU", figures["bookings --help"].cpu_s, 0.3, " s"),
        Target.at_most("bookings status, CPU", figures["bookings status"].cpu_s, 1, " s"),
    ]
    return section
