"""Measures how soon changes are seen: policies over simulated days, and `bookings follow` over a served world.

Input:  the number of rows, a folder to work in.
Output: two sections of the results for `bench`.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from measure import progress
from ours import BOOKINGS, Ours
from results import Section, Target
from rhythms import RHYTHMS, Calendar, Choose, Outcome, by_rates, clairvoyant, cron, follow, in_turn, percentile
from world import DAY_MS, World, served

RATE_LIMIT, PERIOD_S, SHARE = 100, 10.0, 0.33
DAILY_LIMIT = 200_000
LISTS_EVERY_S, SLOTS_EVERY_S = 60, 600
LEARNT_DAYS, SEEN_EVERY_S = 28, 1_800
"""The learnt policy has seen four weeks, by runs every half hour."""

NEAR_WEIGHT = 4.0
"""The default of `follow_near_weight`."""

FOLLOWED_S, CHANGE_EVERY_S = 180, 9
PAGES_KB = os.sysconf("SC_PAGE_SIZE") / 1_000


def freshness(rows: int, folder: Path) -> list[Section]:
    """Simulates a day of each rhythm by each policy, then follows a served world for three minutes."""
    return [_simulated(rows), _followed(rows, folder)]


# -- simulated -------------------------------------------------------------------------------------------------------


def _simulated(rows: int) -> Section:
    section = Section(
        "freshness",
        f"How long changes stay unseen: a simulated day of {rows:,} appointments in one location",
        ("rhythm", "policy", "requests a day", "mean s", "half within s", "95 % near today s", "95 % of hot range s"),
        notes=[
            f"Following sends {SHARE:.0%} of {DAILY_LIMIT:,} requests a day, and at most {SHARE:.0%} of {RATE_LIMIT} "
            f"in {PERIOD_S:.0f} s, teams, services and free slots included. cron reads the hot range in each run; a "
            "change outside waits 15 days on average.",
            "uniform: all windows in turn. learnt: `bookings follow` after four weeks of runs every half hour; the "
            "second row weighs changes near today as by default. oracle: reads a window in the round after it changed.",
            "A change counts until its window is read. Loading takes about a second more.",
        ],
    )
    ratios: list[tuple[float, float]] = []
    for rhythm in RHYTHMS:
        progress(f"freshness: {rhythm.name}")
        found = _policies(Calendar(rhythm, rows))
        for policy, day in found.items():
            near, hot = percentile(day.near, 0.95), percentile(day.hot, 0.95)
            section.rows.append((rhythm.name, policy, day.requests, day.mean, percentile(day.all, 0.5), near, hot))
            section.figures[f"{rhythm.name}, {policy}"] = {"mean_s": round(day.mean, 2), "cold_h": day.oldest_cold_h}
        learnt = found["learnt"]
        ratios.append((learnt.mean / found["uniform"].mean, learnt.mean / found["oracle"].mean))
        default = found["learnt, near today first"]
        section.targets += [
            Target.at_most(f"{rhythm.name}: mean unseen, learnt ÷ uniform", ratios[-1][0], 1 / 3),
            Target.at_most(f"{rhythm.name}: mean unseen, learnt ÷ oracle", ratios[-1][1], 2),
            Target.at_most(f"{rhythm.name}: 95 % near today", percentile(default.near, 0.95), 30, " s"),
            Target.at_most(f"{rhythm.name}: 95 % of the hot range", percentile(default.hot, 0.95), 600, " s"),
            Target.at_most(f"{rhythm.name}: oldest cold window", default.oldest_cold_h, 30 * 24, " h"),
        ]
    return section


def _policies(calendar: Calendar) -> dict[str, Outcome]:
    changes = calendar.changes()
    others = 2 / LISTS_EVERY_S + len(calendar.scopes) / SLOTS_EVERY_S
    lists = 2 + len(calendar.scopes)
    learnt = calendar.rates(LEARNT_DAYS, SEEN_EVERY_S)

    def followed(choose: Choose, *, is_learnt: bool = False) -> Outcome:
        def per_second(second: float) -> float:
            pace = learnt.pace(calendar.now_ms + round(second * 1_000)) if is_learnt else 1.0
            return min(SHARE * DAILY_LIMIT / 86_400 * pace, SHARE * RATE_LIMIT / PERIOD_S) - others

        return follow(calendar, changes, choose, per_second)

    return {
        "cron, 30 min": cron(calendar, changes, 30, lists),
        "cron, 5 min": cron(calendar, changes, 5, lists),
        "uniform": followed(in_turn),
        "learnt": followed(by_rates(calendar, learnt, 1.0), is_learnt=True),
        "learnt, near today first": followed(by_rates(calendar, learnt, NEAR_WEIGHT), is_learnt=True),
        "oracle": followed(clairvoyant),
    }


# -- a real process --------------------------------------------------------------------------------------------------


@dataclass
class _Seen:
    """Changes made and not yet printed, and the seconds that each took."""

    made: deque[float] = field(default_factory=deque)
    published: list[float] = field(default_factory=list)

    def line(self, text: str) -> None:
        if match := re.search(r"(\d+) changed\b.*; published", text):
            for _ in range(min(int(match[1]), len(self.made))):
                self.published.append(time.monotonic() - self.made.popleft())


def _followed(rows: int, folder: Path) -> Section:
    section = Section(
        "live",
        f"`bookings follow` over a served world of {rows:,} appointments, for {FOLLOWED_S} s",
        ("figure", "measured"),
        notes=[
            f"Every {CHANGE_EVERY_S} s one appointment of the last two days is marked. The seconds end when the "
            "reporting tables with the change are published. CPU and memory include the first seconds.",
        ],
    )
    progress(f"follow: {rows:,} appointments")
    with served(rows) as world:
        ours = Ours(world, folder / "follow", rate_limit=RATE_LIMIT)
        ours.first_sync()
        world.requests()
        seen, memory, cpu_s, wall_s = _run(world, ours)
        sent = [each["at"] for each in world.requests()]
    half = percentile(seen.published, 0.5)
    most = max((sum(1 for at in sent if since <= at < since + PERIOD_S) for since in sent), default=0)
    quarter = max(len(memory) // 4, 1)
    early, late = max(memory[quarter : 2 * quarter], default=0.0), max(memory[-quarter:], default=0.0)
    section.rows += [
        ("changes made and published", len(seen.published)),
        ("half published within, s", half),
        ("95 % published within, s", percentile(seen.published, 0.95)),
        ("CPU s per s", cpu_s / wall_s),
        ("most requests in 10 s", most),
        ("peak MB in the second quarter of the time", early),
        ("peak MB in the last quarter of the time", late),
    ]
    section.figures = {"published_s": [round(each, 2) for each in seen.published]}
    section.targets = [
        Target.at_most("follow: 95 % near today published", percentile(seen.published, 0.95), 30, " s"),
        Target.at_most("follow: CPU, share of a core", cpu_s / wall_s, 0.5),
        Target.at_most("follow: most requests in 10 s", most, RATE_LIMIT * SHARE + 1),
        Target.at_most("follow: memory, last quarter ÷ second", late / early if early else 0.0, 1.05),
    ]
    return section


def _run(world: World, ours: Ours) -> tuple[_Seen, list[float], float, float]:
    """Follows, and changes the world meanwhile. Returns what was seen, the memory over time in MB, CPU s and wall s."""
    seen, memory = _Seen(), list[float]()
    command = [str(BOOKINGS), "follow", "--for", f"{FOLLOWED_S}s"]
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    with subprocess.Popen(command, cwd=ours.folder, stdout=subprocess.PIPE, text=True) as process:

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                seen.line(line)

        reader = threading.Thread(target=read)
        reader.start()
        changed = 0
        while process.poll() is None:
            time.sleep(1)
            statm = Path(f"/proc/{process.pid}/statm")
            if statm.exists() and (pages := statm.read_text(encoding="ascii").split()):
                memory.append(int(pages[1]) * PAGES_KB / 1_000)
            elapsed = time.monotonic() - started
            if elapsed > (changed + 2) * CHANGE_EVERY_S and elapsed < FOLLOWED_S - 40:
                world.change(1, start_ms=world.now_ms - 2 * DAY_MS, end_ms=world.now_ms, seed=changed)
                seen.made.append(time.monotonic())
                changed += 1
        reader.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seen, memory, cpu_s, time.monotonic() - started
