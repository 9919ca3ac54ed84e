"""The error tree: exit codes, what is retried, one-line messages, and the way from process to process."""

from __future__ import annotations

import pickle

import pytest

from bookings_sync import errors
from bookings_sync.planning.windows import Window


def test_exit_codes_are_the_commands() -> None:
    assert errors.BookingsError.exit_code == 1
    assert errors.ConfigurationError.exit_code == 2
    assert errors.LockedError.exit_code == 75
    assert {errors.LoadError.exit_code, errors.AuditError.exit_code, errors.ApiError.exit_code} == {1}


def test_retrying_is_decided_by_type() -> None:
    kinds = {kind.__name__ for kind in errors.ApiError.__subclasses__() if kind.retryable}
    assert kinds == {"ConnectionFailed", "TimedOut", "RateLimited", "ServerFailed", "BadReply"}


def test_an_api_error_says_where_in_one_line() -> None:
    error = errors.ServerFailed(
        "the server failed",
        location="berlin",
        method="GET",
        path="/appointments/",
        window=Window(0, 86_400_000),
        status=503,
    )
    assert str(error) == (
        "the server failed, location berlin, GET /appointments/, "
        "window [1970-01-01T00:00Z, 1970-01-02T00:00Z), status 503"
    )


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigurationError("missing", key="a.b", where="a file", fix="Write it."),
        errors.LockedError("run 7"),
        errors.AuditError(["fct_appointments", "dim_team"]),
        errors.RateLimited("slow", location="berlin", method="GET", path="/x", window=Window(1, 2), status=429),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel_between_processes(error: errors.BookingsError) -> None:
    error.__dict__["retry_after"] = 3.0
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.__dict__) == (type(error), str(error), error.__dict__)
