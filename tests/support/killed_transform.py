"""A transform in its own process that exits at a chosen moment, like `kill -9`.

Moments: `build MODEL` and `audit MODEL`, as the step begins, or `before N TEXT` and `after N TEXT`: the N-th SQL
statement that contains TEXT.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dlt
import pendulum

from bookings_sync.models.transform import Datasets, transform

EXIT_CODE = 9


def killed_transform(database: Path, now: pendulum.DateTime, moment: str, select: str = "") -> int:
    """Runs the transform in a child process. Returns the exit code: EXIT_CODE if the moment came."""
    command = [sys.executable, "-m", "support.killed_transform", str(database), now.isoformat(), moment, select]
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, check=False, timeout=60).returncode


def _die() -> None:
    os._exit(EXIT_CODE)


def _arm(client: Any, when: str, number: int, text: str) -> None:
    """Makes the client's process exit at the N-th statement that contains `text`."""
    execute, seen = client.execute_sql, 0

    def execute_sql(sql: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        seen += text in str(sql)
        is_it = seen == number and text in str(sql)
        if is_it and when == "before":
            _die()
        result = execute(sql, *args, **kwargs)
        if is_it:
            _die()
        return result

    client.execute_sql = execute_sql


def _main(database: str, now: str, moment: str, select: str) -> None:
    def progress(step: str, model: str) -> None:
        if moment == f"{step} {model}":
            _die()

    pipeline = dlt.pipeline(
        "killed",
        pipelines_dir=f"{database}.dir",
        destination=dlt.destinations.duckdb(database),
        dataset_name="raw_data",
    )
    with pipeline.sql_client() as client:
        when, number, text = moment.split(" ", 2) if moment.startswith(("before", "after")) else ("", "0", "")
        if when:
            _arm(client, when, int(number), text)
        datasets = Datasets("raw_data", "staging_data", "marts_data")
        parsed = pendulum.parse(now)
        assert isinstance(parsed, pendulum.DateTime)
        transform(client, datasets, now=parsed, select=[select] if select else [], progress=progress)


if __name__ == "__main__":
    _main(*sys.argv[1:])
