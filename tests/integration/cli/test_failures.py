"""Failures: one line each, which tells the kind and the place of what nobody foresaw, and never what it quotes."""

from __future__ import annotations

import pytest

from bookings_sync.cli.console import Output
from bookings_sync.cli.failures import answer_for
from bookings_sync.errors import LoadError


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    with pytest.raises(type(error)) as caught:
        raise error from cause
    return caught.value


def said(error: BaseException, capsys: pytest.CaptureFixture[str], verbose: int = 0) -> tuple[int, str]:
    output = Output(verbose)
    output.command = "sync"
    code = answer_for(error, output)
    streams = capsys.readouterr()
    assert streams.out == ""
    return code, streams.err


def test_what_nobody_foresaw_is_told_by_kind_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code, message = said(raised(ValueError("someone@example.com")), capsys)
    assert code == 1
    assert message == "✗ unexpected ValueError; for the traceback: bookings -v -v sync\n"


def test_with_v_v_there_is_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    _, message = said(raised(ValueError("what")), capsys, verbose=2)
    assert "Traceback" in message
    assert "ValueError: what" in message


def test_ctrl_c_is_known_however_deep_it_is_wrapped(capsys: pytest.CaptureFixture[str]) -> None:
    wrapped = raised(LoadError("the load failed"), raised(RuntimeError("step"), KeyboardInterrupt()))
    code, message = said(wrapped, capsys)
    assert code == 130
    assert message == "✗ interrupted: what was loaded stands, and the next sync goes on from there\n"


def test_ctrl_c_is_known_where_something_stumbled_over_it(capsys: pytest.CaptureFixture[str]) -> None:
    def stumble() -> None:
        try:
            raise KeyboardInterrupt
        finally:
            raise ValueError("a context that was not set yet")

    with pytest.raises(ValueError, match="not set yet") as caught:
        stumble()
    assert said(caught.value, capsys)[0] == 130
