"""Records every statement that `bookings transform --full` sends to DuckDB, for `bare_duckdb` to run again.

Runs the transform in the current folder. This run is not measured.
Usage: python record_models.py STATEMENTS
"""

import json
import sys
from pathlib import Path
from typing import Any

from bookings_sync.clock import utc_now
from bookings_sync.config.load import load_settings
from bookings_sync.models.access import datasets, open_client
from bookings_sync.models.transform import transform


class Recorder:
    """Wraps a DuckDB connection and records its statements."""

    def __init__(self, connection: Any, statements: list[tuple[str, Any]]) -> None:
        self._connection, self._statements = connection, statements

    def execute(self, query: Any, parameters: Any = None) -> Any:
        self._statements.append((str(query), parameters))
        return self._connection.execute(query, parameters)

    def begin(self) -> Any:
        self._statements.append(("BEGIN", None))
        return self._connection.begin()

    def commit(self) -> Any:
        self._statements.append(("COMMIT", None))
        return self._connection.commit()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def main() -> None:
    settings = load_settings(need_locations=False)
    statements: list[tuple[str, Any]] = []
    with open_client(settings, writes=True) as client:
        connection = client._conn
        client._conn = Recorder(connection, statements)
        try:
            transform(client, datasets(settings), now=utc_now(), full=True)
        finally:
            client._conn = connection
    Path(sys.argv[1]).write_text(json.dumps(statements), encoding="utf-8")


if __name__ == "__main__":
    main()
