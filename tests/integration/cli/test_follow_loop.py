"""The loop of `bookings follow`, with scripted runs and a clock of its own: no time passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from dlt.destinations.exceptions import DatabaseTransientException

from bookings_sync.changes.diff import Changes
from bookings_sync.cli.follow_loop import Clocks, FollowLoop
from bookings_sync.config.locations import Location
from bookings_sync.config.settings import Settings
from bookings_sync.errors import AuditError, ConfigurationError, FileHeld, LoadError, LockedError
from bookings_sync.sync.pipeline import SyncResult

Outcome = dict[str, str]


@dataclass
class Script:
    """Runs that end as `outcome_of` says, on a clock that only sleeping and running move."""

    names: tuple[str, ...] = ("oslo",)
    outcome_of: Callable[[str, float], str] = lambda _name, _now: "ok"
    changes_at: Callable[[float], int] = lambda _: 0
    error_at: Callable[[float], Exception | None] = lambda _: None
    publish_error_at: Callable[[float], Exception | None] = lambda _: None
    pace_at: Callable[[float], float] = lambda _: 1.0
    requests: int = 3
    seconds: float = 0.5
    cpu_seconds: float = 0.5
    knobs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now = self.cpu = 0.0
        self.runs: list[tuple[float, tuple[str, ...], Settings, dict[str, int]]] = []
        self.published: list[float] = []
        self.said: list[str] = []
        locations = {name: Location(name, api_key=f"key-of-{name}") for name in self.names}
        self.settings = Settings(locations=locations, **self.knobs)

    def follow(self, seconds: float) -> FollowLoop:
        loop = FollowLoop(
            self.settings,
            sync=self._sync,
            publish=self._publish,
            say=self.said.append,
            pace=lambda _: self.pace_at(self.now),
            clocks=Clocks(lambda: self.now, lambda: self.cpu, self._sleep),
        )
        loop.run(seconds)
        return loop

    def _sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += max(seconds, 0.001)

    def _sync(self, settings: Settings, reads: Mapping[str, int]) -> SyncResult:
        if error := self.error_at(self.now):
            self.now += 0.01
            raise error
        self.runs.append((self.now, tuple(settings.locations), settings, dict(reads)))
        self.now += self.seconds
        self.cpu += self.cpu_seconds
        found = [(name, self.outcome_of(name, self.now)) for name in settings.locations]
        locations = [
            {
                "name": name,
                "outcome": outcome,
                "requests": self.requests,
                "errors": [f"it is {outcome}."] if outcome != "ok" else [],
            }
            for name, outcome in found
        ]
        changes = Changes(changed=self.changes_at(self.now))
        row = {"outcome": found[0][1], "locations": json.dumps(locations), "tables": '{"appointments": {}}'}
        return SyncResult(row, changes, {})

    def _publish(self) -> None:
        if error := self.publish_error_at(self.now):
            raise error
        self.published.append(self.now)

    def runs_of(self, name: str) -> list[float]:
        return [at for at, names, _, _ in self.runs if name in names]


def test_it_reads_every_few_seconds_and_ends_in_time() -> None:
    script = Script()
    loop = script.follow(600)
    assert 110 <= len(script.runs) <= 121
    assert 600 <= script.now < 602
    assert loop.totals.rounds == len(script.runs)


def test_requests_stay_within_the_share_of_both_limits() -> None:
    script = Script(requests=40)
    loop = script.follow(24 * 3_600)
    assert 0.95 * 66_000 <= loop.totals.requests <= 66_000 + 200
    assert all(reads["oslo"] <= 20 for _, _, _, reads in script.runs)
    script = Script(requests=40, knobs={"daily_limit": 10_000_000})
    loop = script.follow(3_600)
    assert 0.9 * 3.3 * 3_600 <= loop.totals.requests <= 3.3 * 3_600 + 500


def test_busy_hours_get_more_of_the_days_requests() -> None:
    script = Script(requests=10, pace_at=lambda now: 1.5 if now < 3_600 else 0.5)
    script.follow(7_200)
    first = len([at for at in script.runs_of("oslo") if at < 3_600])
    assert first == pytest.approx(3 * (len(script.runs) - first), rel=0.1)


def test_it_uses_half_a_core_at_most() -> None:
    script = Script(cpu_seconds=12, seconds=12)
    script.follow(3_600)
    assert script.cpu <= 0.5 * script.now + 12


def test_changes_are_published_at_once_and_the_passing_of_time_now_and_then() -> None:
    script = Script(changes_at=lambda now: 3 if 100 <= now < 105 else 0)
    loop = script.follow(1_000)
    assert loop.totals.changes == 3
    assert any(100 <= at < 106 for at in script.published)
    assert 4 <= len(script.published) <= 6
    assert script.said.count("3 changed: appointments; published") == 1


def test_one_line_a_minute_while_nothing_changes() -> None:
    script = Script()
    script.follow(3_600)
    assert 55 <= len(script.said) <= 61
    assert script.said[0].startswith("no change in ")


def test_a_location_that_fails_is_tried_less_often_and_the_others_go_on() -> None:
    script = Script(("oslo", "rome"), lambda name, now: "failed" if name == "rome" and now < 3_000 else "ok")
    script.follow(7_200)
    failing = [at for at in script.runs_of("rome") if at < 3_000]
    assert len(failing) < 15
    assert len(script.runs_of("oslo")) > 1_300
    assert any(3_000 <= at < 4_000 for at in script.runs_of("rome"))
    assert len([at for at in script.runs_of("rome") if at > 4_000]) > 600
    assert [line for line in script.said if "rome" in line] == [
        "rome: it is failed. Trying again in 5 s, then less often.",
        "rome: answers again",
    ]
    alone = [(names, settings) for at, names, settings, _ in script.runs if names == ("rome",)]
    assert alone
    assert all(settings.read_timeout_seconds <= 10 and settings.attempts == 1 for _, settings in alone)


def test_a_location_with_some_errors_is_still_read_often() -> None:
    script = Script(("oslo", "rome"), lambda name, _: "partial" if name == "rome" else "ok")
    script.follow(3_600)
    assert len(script.runs_of("rome")) > 100


@pytest.mark.parametrize("error", [LockedError("process 7 on host"), FileHeld("held", where="x", fix="Close it.")])
def test_another_run_is_waited_for(error: Exception) -> None:
    script = Script(error_at=lambda now: error if 60 <= now < 120 else None)
    script.follow(300)
    assert sum("waiting" in line for line in script.said) == 1
    assert not [at for at in script.runs_of("oslo") if 60 <= at < 120]
    assert [at for at in script.runs_of("oslo") if 120 <= at < 123]


@pytest.mark.parametrize(
    "failure",
    [LoadError("the load failed."), DatabaseTransientException(OSError("the server closed the connection"))],
)
def test_a_warehouse_that_fails_is_tried_again_less_often(failure: Exception) -> None:
    tried: list[float] = []

    def error_at(now: float) -> Exception | None:
        tried.append(now)
        return failure if now < 1_000 else None

    script = Script(error_at=error_at)
    script.follow(3_600)
    assert len([at for at in tried if at < 1_000]) < 12
    assert len(script.runs) > 300
    assert script.published


def test_tables_that_fail_their_audits_do_not_stop_the_sync() -> None:
    script = Script(
        changes_at=lambda now: int(now < 20),
        publish_error_at=lambda now: AuditError(["fct_appointments"]) if now < 200 else None,
    )
    script.follow(600)
    assert len(script.runs) > 100
    assert script.published
    assert script.published[0] >= 200
    assert sum("audits failed" in line for line in script.said) < 8
    assert "1 changed: appointments; not published yet" in script.said


def test_a_wrong_configuration_ends_it() -> None:
    error = ConfigurationError("wrong", key="k", where="w", fix="Correct it.")
    with pytest.raises(ConfigurationError):
        Script(error_at=lambda now: error if now > 50 else None).follow(600)
