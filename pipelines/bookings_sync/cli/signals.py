"""Signals: Ctrl-C, SIGTERM and SIGHUP end a command in the same way.

Input:  a signal.
Output: `Ended`, raised in the main thread, and the exit code that shells give that signal.

`cli.start` installs the handlers before anything else is imported, so this module imports the standard library only.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any

_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Windows has no SIGHUP."""

EXIT_CODES = {128 + number for number in _ENDING}
"""Exit codes of a command that a signal ended: 130, 143, 129."""

_received: list[int] = []


class Ended(KeyboardInterrupt):
    """A signal asked the command to end. dlt's own exception for it has the same attribute."""

    def __init__(self, signal_code: int) -> None:
        super().__init__(signal_code)
        self.signal_code = signal_code


def handle_signals(grace_seconds: float = 8.0) -> None:
    """Makes each signal end the process, even if a library swallows the exception.

    The process exits at the latest `grace_seconds` after the signal. Finished loads are kept whenever it exits. A
    SIGHUP that the caller chose to ignore, as `nohup` does, stays ignored.
    """

    def end(number: int, _: FrameType | None) -> None:
        _received.append(number)
        timer = threading.Timer(grace_seconds, os._exit, (128 + number,))
        timer.daemon = True
        timer.start()
        raise Ended(number)

    for number in _ENDING:
        # A shell without job control ignores Ctrl-C for what it starts with &, but `kill -INT` must still work there.
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)
    sys.unraisablehook = _hide_interrupts


def raise_received() -> None:
    """Raises `Ended` if a signal came and a library swallowed the exception."""
    if _received:
        raise Ended(_received[0])


def exit_code(error: BaseException | None) -> int | None:
    """The exit code if a signal caused the error, else None.

    Libraries wrap the exception, and one that is being imported may turn it into an ImportError.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:  # an exception that is raised twice may be its own cause
        seen.add(id(error))
        if isinstance(error, KeyboardInterrupt):
            return 128 + getattr(error, "signal_code", signal.SIGINT)
        error = error.__cause__ or error.__context__
    return 128 + _received[0] if _received else None


def _hide_interrupts(unraisable: Any) -> None:
    """An interrupt in a destructor or a callback is no news: the timer of `handle_signals` ends the process."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)
