"""Commands in processes of their own, where the n-th call of a kind fails or kills: memory, SQL statements, the disk.

Input:  as a program: orders on stdin, one JSON object a line: a command, and the `Break` that befalls it.
Output: one JSON object per order: the exit code, and the number of calls of that kind. `FaultyProcess` is the side that
        gives orders.

One process imports everything once and forks for each order. It holds no thread of Python and no open database then.
"""

from __future__ import annotations

import builtins
import errno
import io
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Literal

Kind = Literal[
    "nothing",
    "memory",
    "sql out of memory",
    "sql input or output",
    "disk full",
    "disk broken",
    "file size",
    "address space",
    "killed",
]


@dataclass(frozen=True, slots=True)
class Break:
    """The `number`-th call of a kind fails, or with `lasting` all calls from then on.

    - `memory`: a call of a function of the program raises MemoryError. Never lasting.
    - `sql …`: a statement in DuckDB raises DuckDB's exception.
    - `disk …`: a call that creates, writes, synchronises, renames or links a file raises OSError.
    - `killed`: SIGKILL arrives just before a statement in DuckDB, or a call of `disk …`.
    - `file size`, `address space`: limits of the operating system; `number` is in kilobytes, and beyond what the
      process has when it starts. Always lasting.
    """

    kind: Kind = "nothing"
    number: int = 0
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, what it printed, and how many calls could have failed."""

    exit_code: int
    calls: int
    printed: str


class FaultyProcess:
    """Runs commands in a folder. Use as a context manager."""

    def __enter__(self) -> FaultyProcess:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe(self._process.stdin).close()
        self._process.wait(timeout=60)

    def run(self, command: Sequence[str], folder: Path, now: datetime, breaks: Break | None = None) -> Ended:
        """Runs `bookings` with these arguments at this time."""
        order = {"command": list(command), "folder": str(folder), "now": now.isoformat()}
        order["break"] = asdict(breaks or Break())
        print(json.dumps(order), file=self._pipe(self._process.stdin), flush=True)
        answer = json.loads(self._pipe(self._process.stdout).readline())
        return Ended(**answer)

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


# -- the other side ----------------------------------------------------------------------------------------------------


class _Calls:
    """Counts the calls of a kind, and decides which fail."""

    def __init__(self, number: int, *, lasting: bool, kills: bool) -> None:
        self.seen = 0
        self._number, self._lasting, self._kills = number, lasting, kills
        self._lock = threading.Lock()

    def fails(self) -> bool:
        with self._lock:
            self.seen += 1
            if self._kills and self.seen == self._number:
                os.kill(os.getpid(), signal.SIGKILL)
            return self.seen == self._number or (self._lasting and 0 < self._number < self.seen)


def _main() -> None:
    import bookings_sync.cli.doctor
    import bookings_sync.cli.main
    import bookings_sync.cli.report
    import bookings_sync.cli.sync
    import bookings_sync.cli.transform  # noqa: F401 - here once, and not in each fork

    for line in sys.stdin:
        order = json.loads(line)
        readable, writable = os.pipe()
        said, says = os.pipe()  # not a file, which would have a limit of its size, too
        child = os.fork()
        if child == 0:
            os.dup2(says, 1)
            os.dup2(says, 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")  # the old ones may believe that they can seek
            os._exit(_carry_out(order, writable))
        os.close(says)
        os.close(writable)
        with os.fdopen(said, errors="replace") as printed, os.fdopen(readable) as counted:
            text, calls = printed.read(), int(counted.read() or 0)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({"exit_code": code, "calls": calls, "printed": text}), flush=True)


def _carry_out(order: dict[str, Any], writable: int) -> int:
    """Runs the command. Returns its exit code."""
    import pendulum

    from bookings_sync.cli import main

    folder = order["folder"]
    os.chdir(folder)
    os.environ.update(
        HOME=folder, TMPDIR=f"{folder}/tmp", DLT_DATA_DIR=f"{folder}/dlt", RUNTIME__DLTHUB_TELEMETRY="false"
    )
    now = pendulum.parse(order["now"])
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("bookings_sync") and hasattr(module, "utc_now"):
            module.utc_now = lambda: now  # type: ignore[attr-defined]
    given = order["break"]
    calls = _Calls(given["number"], lasting=given["lasting"], kills=given["kind"] == "killed")
    _prepare(given["kind"], given["number"], calls)
    code: int
    sys.argv = ["bookings", *order["command"]]
    try:
        main.main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - a fork must never return to the loop
        sys.setprofile(None)
        traceback.print_exc()
        code = 1
    sys.setprofile(None)
    sys.stdout.flush()
    sys.stderr.flush()
    _WRITE(writable, str(calls.seen).encode())
    return code


_WRITE = os.write


def _prepare(kind: Kind, number: int, calls: _Calls) -> None:
    if kind == "memory":
        _fail_in_functions(calls)
    elif kind == "killed":
        _fail_in_statements(calls, kind)
        _fail_on_disk(calls, errno.EIO)
    elif kind.startswith("sql"):
        _fail_in_statements(calls, kind)
    elif kind.startswith("disk"):
        _fail_on_disk(calls, errno.ENOSPC if kind == "disk full" else errno.EIO)
    elif kind == "file size":
        resource.setrlimit(resource.RLIMIT_FSIZE, (number * 1024, resource.RLIM_INFINITY))
    elif kind == "address space":
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        size = pages * resource.getpagesize() + number * 1024
        resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))


_UNCOUNTED = (
    "cli/main.py", "cli/options.py", "cli/signals.py", "cli/error_report.py", "cli/output.py", "logs.py", "errors.py",
)  # fmt: skip
"""Files that report errors: nothing can report an error of theirs."""


def _fail_in_functions(calls: _Calls) -> None:
    import bookings_sync

    package = str(Path(bookings_sync.__file__).parent)

    def on_event(frame: Any, event: str, _: Any) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(package) and not file.endswith(_UNCOUNTED) and calls.fails():
            raise MemoryError

    threading.setprofile(on_event)
    sys.setprofile(on_event)


def _fail_in_statements(calls: _Calls, kind: Kind) -> None:
    import duckdb

    def error() -> Exception:
        if kind == "sql out of memory":
            return duckdb.OutOfMemoryException("Out of Memory Error: failed to allocate data of size 16.0 MiB")
        return duckdb.IOException("IO Error: Could not write file: No space left on device")

    class Connection:
        """A connection in which some statements fail."""

        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            found = getattr(self._real, name)
            if name in ("cursor", "duplicate"):
                return lambda: Connection(found())
            if name in ("execute", "executemany", "sql", "query", "begin", "commit", "checkpoint"):
                return lambda *args, **kwargs: self._run(found, *args, **kwargs)
            return found

        def __enter__(self) -> Connection:
            return self

        def __exit__(self, *_: object) -> None:
            self._real.close()

        def _run(self, run: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if calls.fails():
                raise error()
            result = run(*args, **kwargs)
            return self if result is self._real else result

    connect = duckdb.connect
    duckdb.connect = lambda *args, **kwargs: Connection(connect(*args, **kwargs))  # type: ignore[assignment]


def _fail_on_disk(calls: _Calls, number: int) -> None:
    def failing(original: Callable[..., Any], counts: Callable[..., bool]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if counts(*args, **kwargs) and calls.fails():
                raise OSError(number, os.strerror(number))
            return original(*args, **kwargs)

        return call

    def opens_for_writing(_: Any, mode: Any = "r", *__: Any, **named: Any) -> bool:
        return not set("wax+").isdisjoint(str(named.get("mode", mode)))

    def creates(_: Any, flags: int, *__: Any, **___: Any) -> bool:
        return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))

    def always(*_: Any, **__: Any) -> bool:
        return True

    builtins.open = io.open = failing(io.open, opens_for_writing)  # type: ignore[assignment]
    os.open = failing(os.open, creates)
    for name in ("write", "fsync", "replace", "rename", "link", "mkdir", "ftruncate"):
        setattr(os, name, failing(getattr(os, name), always))


if __name__ == "__main__":
    _main()
