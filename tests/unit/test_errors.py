"""The error tree: exit codes, retries, one-line messages without secrets, and pickling."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from bookings_sync import errors
from bookings_sync.error_text import described
from bookings_sync.planning.windows import Window


def test_exit_codes() -> None:
    assert errors.BookingsError.exit_code == 1
    assert errors.ConfigurationError.exit_code == 2
    assert errors.LockedError.exit_code == 75
    assert {errors.LoadError.exit_code, errors.AuditError.exit_code, errors.ApiError.exit_code} == {1}


def test_retries_depend_on_the_type() -> None:
    kinds = {kind.__name__ for kind in errors.ApiError.__subclasses__() if kind.retryable}
    assert kinds == {"ConnectionFailed", "TimedOut", "RateLimited", "ServerFailed", "BadReply"}


def test_api_errors_name_the_request_in_one_line() -> None:
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
def test_errors_can_be_pickled(error: errors.BookingsError) -> None:
    error.__dict__["retry_after"] = 3.0
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.__dict__) == (type(error), str(error), error.__dict__)


def nothing_known(error: Exception) -> Exception:
    return error


def with_cause(error: Exception) -> Exception:
    outer = RuntimeError("row 17: ada@example.org is not unique")
    outer.__cause__ = error
    return outer


def with_sqlstate(error: Exception) -> Exception:
    error.pgcode = "23505"  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("message", "wrapped", "expected"),
    [
        ("postgresql://user:hunter2@db/calendar: ada@example.org", nothing_known, "ValueError"),
        ("ada@example.org", with_cause, "RuntimeError, from ValueError"),
        ("Key (email)=(ada@example.org) already exists", with_sqlstate, "ValueError (SQLSTATE 23505)"),
        (
            'could not translate host name "hunter2@db" to address',
            nothing_known,
            "ValueError: could not translate host name",
        ),
        (
            'IO Error: Cannot open file "bookings.duckdb"\nada@example.org',
            nothing_known,
            'ValueError: IO Error: Cannot open file "bookings.duckdb"',
        ),
        (
            "Job failed\nTraceback (most recent call last):\n  File 'x'\nduckdb.IOException: ada@example.org",
            nothing_known,
            "ValueError, from IOException",
        ),
    ],
)
def test_described_errors_hold_no_secrets_and_no_personal_data(
    message: str, wrapped: Callable[[Exception], Exception], expected: str
) -> None:
    assert described(wrapped(ValueError(message))) == expected
