"""An exception that ends a command becomes one line without data, and an exit code."""

from __future__ import annotations

import pytest

from bookings_sync.cli.error_report import report_error
from bookings_sync.cli.output import Output
from bookings_sync.errors import LoadError


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    with pytest.raises(type(error)) as caught:
        raise error from cause
    return caught.value


def report(error: BaseException, capsys: pytest.CaptureFixture[str], verbose: int = 0) -> tuple[int, str]:
    """The exit code and stderr of a failed `bookings sync`."""
    output = Output(verbose)
    output.command = "sync"
    code = report_error(error, output)
    streams = capsys.readouterr()
    assert streams.out == ""
    return code, streams.err


def test_an_unexpected_error_is_reported_by_type_only(capsys: pytest.CaptureFixture[str]) -> None:
    code, message = report(raised(ValueError("someone@example.com")), capsys)
    assert code == 1
    assert message == "✗ unexpected ValueError; to see the traceback, run: bookings -v -v sync\n"


def test_two_v_options_show_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    _, message = report(raised(ValueError("what")), capsys, verbose=2)
    assert "Traceback" in message
    assert "ValueError: what" in message


def test_a_wrapped_ctrl_c_is_reported_as_interrupted(capsys: pytest.CaptureFixture[str]) -> None:
    wrapped = raised(LoadError("the load failed"), raised(RuntimeError("step"), KeyboardInterrupt()))
    code, message = report(wrapped, capsys)
    assert code == 130
    assert message == "✗ interrupted: finished loads are kept, and the next sync continues from there\n"


def test_ctrl_c_followed_by_another_error_is_reported_as_interrupted(capsys: pytest.CaptureFixture[str]) -> None:
    def fail_while_interrupted() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise ValueError("a context that was not set yet")

    with pytest.raises(ValueError, match="not set yet") as caught:
        fail_while_interrupted()
    assert report(caught.value, capsys)[0] == 130


def test_errors_that_cause_each_other_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """A driver may raise one exception twice, and dlt wraps it each time."""
    inner, outer = OSError("inner"), LoadError("the load failed")
    inner.__context__, outer.__cause__ = outer, inner
    assert report_error(outer, Output()) == 1
    assert "the load failed" in capsys.readouterr().err
