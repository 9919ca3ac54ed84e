"""Findings: outcomes, and when a location is given up."""

from __future__ import annotations

import pytest

from bookings_sync.errors import ApiError, AuthenticationFailed, BadReply, ConnectionFailed, ServerFailed, TimedOut
from bookings_sync.sync.findings import Findings


def error(kind: type[ApiError], status: int | None = None) -> ApiError:
    return kind("it failed", location="berlin", method="GET", path="/", status=status)


@pytest.fixture
def findings() -> Findings:
    found = Findings(["berlin", "paris"], lambda: None)
    found.identify("berlin", "B", "key")
    found.identify("paris", "P", "config")
    return found


def test_a_run_without_errors_is_ok(findings: Findings) -> None:
    findings.answered("B")
    findings.answered("P")
    assert (findings.outcome, findings.errors, findings.active) == ("ok", [], ["B", "P"])


def test_an_error_beside_answers_is_partial(findings: Findings) -> None:
    findings.answered("B")
    findings.failed("B", error(ServerFailed, 502))
    assert (findings.of("B").outcome, findings.outcome) == ("partial", "partial")


def test_a_location_without_any_answer_failed(findings: Findings) -> None:
    findings.failed("B", error(ServerFailed, 502))
    assert (findings.of("B").outcome, findings.outcome) == ("failed", "partial")


def test_a_refused_key_gives_the_location_up_at_once(findings: Findings) -> None:
    findings.failed("B", error(AuthenticationFailed, 401))
    assert findings.gave_up("B")
    assert findings.active == ["P"]


@pytest.mark.parametrize(
    ("kind", "status", "most"), [(ConnectionFailed, None, 3), (BadReply, 200, 20), (ServerFailed, 500, 20)]
)
def test_consecutive_failures_give_the_location_up(
    findings: Findings, kind: type[ApiError], status: int | None, most: int
) -> None:
    for _ in range(most - 1):
        findings.failed("B", error(kind, status))
    assert not findings.gave_up("B")
    findings.answered("B")
    for _ in range(most):
        assert not findings.gave_up("B")
        findings.failed("B", error(kind, status))
    assert findings.gave_up("B")


def test_late_answers_are_halved_for_longer_than_bad_ones(findings: Findings) -> None:
    location = findings.of("B")
    for _ in range(21):
        location.unreadable(error(TimedOut))
    assert location.may_halve
    for _ in range(21):
        location.unreadable(error(BadReply))
    assert not location.may_halve


def test_an_error_is_reported_once(findings: Findings) -> None:
    findings.failed("B", error(ServerFailed, 502))
    findings.failed("B", error(ServerFailed, 502))
    assert len(findings.errors) == 1
    findings.warn("careful")
    findings.warn("careful")
    assert findings.warnings == {"careful": 2}
