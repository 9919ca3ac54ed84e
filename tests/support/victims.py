"""Victims: runs in separate processes that are killed with SIGKILL at a chosen moment.

Input:  as a program: orders on stdin, one JSON object a line: what to run, with which settings, and when to die.
Output: one line per order: the signal that ended it (9), or its exit code. `Victims` is the side that gives orders.

One process imports everything once and forks a victim for each order, so that a kill costs no start of Python. It holds
no thread and no open database when it forks.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bookings_sync.config.settings import Settings

BOUNDARIES = (
    "extracted",
    "normalised",
    "a table staged",
    "a staging copied",
    "a table merged",
    "all merged",
    "completed",
)
"""The ends of a load's stages, in order. After the last one, the load's reads count."""


@dataclass(frozen=True, slots=True)
class Death:
    """When to kill a victim: at the n-th `moment`. A moment is one of BOUNDARIES, "answer" (of the API), "statement"
    (of SQL), or "milliseconds"."""

    moment: str
    number: int = 1


NEVER = Death("milliseconds", 3_600_000)


class Victims:
    """Starts victims. Use as a context manager."""

    def __enter__(self) -> Victims:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe(self._process.stdin).close()
        self._process.wait(timeout=60)

    def order(
        self,
        what: str,
        warehouse: str,
        now: datetime,
        death: Death,
        settings: Settings,
        *,
        timezone: str = "UTC",
        full: bool = False,
    ) -> bool:
        """Runs "sync" or "transform" in a process that dies. Returns whether it did; False where it ended before.

        `warehouse` are the credentials of the settings' destination, `now` is an aware datetime, `timezone` is the
        worker's own. `full` is that of a sync.
        """
        order: dict[str, Any] = {"what": what, "now": now.isoformat(), "moment": death.moment, "number": death.number}
        order["settings"], order["full"] = _as_json(settings), full
        credentials = f"DESTINATION__{settings.destination.upper()}__CREDENTIALS"
        order["environment"] = {credentials: warehouse, "TZ": timezone}
        print(json.dumps(order, default=str), file=self._pipe(self._process.stdin), flush=True)
        ended = int(self._pipe(self._process.stdout).readline())
        assert ended in (0, signal.SIGKILL), f"the victim ended with {ended}, not by our hand"
        return ended == signal.SIGKILL

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


def _as_json(settings: Settings) -> dict[str, Any]:
    """The settings that differ from their defaults, as JSON values."""
    given = {each.name: getattr(settings, each.name) for each in fields(settings)}
    given = {name: value for name, value in given.items() if value != getattr(type(settings)(), name)}
    return given | {"locations": [asdict(each) for each in settings.locations.values()]}


# -- the other side ----------------------------------------------------------------------------------------------------


def _main() -> None:
    import bookings_sync.models.transform
    import bookings_sync.sync.pipeline  # noqa: F401 - here once, and not in each fork

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                _carry_out(json.loads(line))
                os._exit(0)
            except BaseException as error:  # noqa: BLE001 - a fork must never return to the loop
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
                os._exit(1)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), flush=True)


def _carry_out(order: dict[str, Any]) -> None:
    import pendulum

    from bookings_sync.config.settings import Location, Settings
    from bookings_sync.models import transform
    from bookings_sync.sync import pipeline

    os.environ.update(order["environment"])
    time.tzset()
    given = order["settings"]
    given["locations"] = {each["name"]: Location(**each) for each in given["locations"]}
    settings = Settings(**given | {"history_start": date.fromisoformat(given["history_start"])})
    now = pendulum.parse(order["now"])
    assert isinstance(now, pendulum.DateTime)
    fall = _fall_at(order["moment"], order["number"])
    if order["what"] == "sync":
        on_progress = fall if order["moment"] == "answer" else None
        progress = on_progress and (lambda _: on_progress())
        pipeline.sync(settings, clock=lambda: now, full=order["full"], on_progress=progress)
        return
    with pipeline.open_pipeline(settings) as opened, opened.sql_client() as client:
        datasets = transform.Datasets(settings.raw_dataset, settings.staging_dataset, settings.marts_dataset)
        transform.transform(client, datasets, now=now)


def _fall_at(moment: str, number: int) -> Callable[[], None]:
    """Prepares the kill. Returns a function to call at each answer, if the moment is an answer."""
    from dlt.destinations.impl.duckdb.duck import DuckDbCopyJob
    from dlt.destinations.impl.duckdb.sql_client import DuckDbSqlClient
    from dlt.destinations.impl.postgres.postgres import PostgresParquetCopyJob
    from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient
    from dlt.destinations.job_client_impl import SqlJobClientBase, SqlLoadJob
    from dlt.pipeline.pipeline import Pipeline

    seen = 0
    counting = threading.Lock()  # jobs run in threads

    def fall() -> None:
        nonlocal seen
        with counting:
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    def arm(name: str, *owners: type, after: bool = False) -> None:
        def armed(original: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any, **kwargs: Any) -> Any:
                if not after:
                    fall()
                result = original(*args, **kwargs)
                if after:
                    fall()
                return result

            return run

        for owner in owners:
            setattr(owner, name, armed(getattr(owner, name)))

    copies, clients = (DuckDbCopyJob, PostgresParquetCopyJob), (DuckDbSqlClient, Psycopg2SqlClient)
    arming: dict[str, Callable[[], None]] = {
        "extracted": lambda: arm("normalize", Pipeline),
        "normalised": lambda: arm("load", Pipeline),
        "a table staged": lambda: arm("run", *copies, after=True),
        "a staging copied": lambda: arm("run", SqlLoadJob),
        "a table merged": lambda: arm("run", SqlLoadJob, after=True),
        "all merged": lambda: arm("complete_load", SqlJobClientBase),
        "completed": lambda: arm("complete_load", SqlJobClientBase, after=True),
        "statement": lambda: arm("execute_query", *clients),
        "milliseconds": lambda: _in_milliseconds(number),
        "answer": lambda: None,
    }
    arming[moment]()
    return fall


def _in_milliseconds(number: int) -> None:
    def end() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    timer = threading.Timer(number / 1000, end)
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    _main()
