"""The reference for the models: runs the recorded SQL in DuckDB alone, statement by statement.

Usage: python bare_duckdb.py DATABASE STATEMENTS [--builds], where STATEMENTS is a JSON list of
[SQL, parameters] that `record_models` wrote.
With --builds it runs only the statements that build tables, without audits and swap, and drops the tables again.
Prints {"statements"}.
"""

import json
import sys
from contextlib import nullcontext, suppress
from pathlib import Path

import duckdb


def main() -> None:
    database, file = sys.argv[1:3]
    statements = json.loads(Path(file).read_text(encoding="utf-8"))
    if builds := sys.argv[3:] == ["--builds"]:
        statements = [each for each in statements if each[0].startswith('CREATE TABLE "')]
    with duckdb.connect(database) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement, parameters in statements:
            # The transform probes for tables with LIMIT 0; the missing ones are missing here too.
            with suppress(duckdb.CatalogException) if statement.endswith("LIMIT 0") else nullcontext():
                connection.execute(statement, parameters).fetchall()
        if builds:
            for statement, _ in statements:
                connection.execute(f"DROP {statement.removeprefix('CREATE ').partition(' AS ')[0]}")
    print(json.dumps({"statements": len(statements)}))


if __name__ == "__main__":
    main()
