"""Older versions of the program: the package as it is now, without some columns or with other lines of code.

Input:  a folder for the copy of the package, and what to take out of it.
Output: `OlderProgram`, which syncs in a separate process.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from bookings_sync.config.settings import Settings

_PACKAGE = Path(__file__).parents[2] / "pipelines" / "bookings_sync"

NEW_COLUMNS = (
    "teams.slug",
    "team_members.email",
    "services.slot_buffer",
    "service_members.priority",
    "service_hours.open_minute",
    "appointments.is_recurring",
    "contacts.country",
)
OTHER_VALUE = 'an array of strings.", "value"', 'an array of strings.", "worth"'
"""Custom fields have one column. The older program looks for it in another field."""
AS_DOUBLE = 'return Column(name, "double", description, source)'

_PROGRAM = """
import json, sys
from datetime import date
import pendulum
from bookings_sync.config.settings import Location, Settings
from bookings_sync.errors import BookingsError
from bookings_sync.sync.pipeline import sync

order = json.load(sys.stdin)
known = Settings.__dataclass_fields__
given = {name: value for name, value in order["settings"].items() if name in known}
given["locations"] = {
    name: Location(**{field: each[field] for field in each if field in Location.__dataclass_fields__})
    for name, each in given["locations"].items()
}
given["history_start"] = date.fromisoformat(given["history_start"])
settings = Settings(**{**given, "part": None})
now = pendulum.parse(order["now"])
try:
    row = sync(settings, clock=lambda: now).row
    print(json.dumps({name: str(value) for name, value in row.items()}))
except BookingsError as error:
    print(json.dumps({"error": str(error), "exit_code": error.exit_code}))
"""


@dataclass(frozen=True, slots=True)
class OlderProgram:
    """A copy of the package in `folder`."""

    folder: Path

    @classmethod
    def copied(cls, folder: Path) -> OlderProgram:
        shutil.copytree(_PACKAGE, folder / "bookings_sync", ignore=shutil.ignore_patterns("__pycache__"))
        return cls(folder)

    def without_columns(self, *columns: str) -> OlderProgram:
        """Takes these columns ("services.slot_buffer") out of the declarations."""
        for each in columns:
            table, _, column = each.partition(".")
            path = self.folder / "bookings_sync" / "records" / "tables.py"
            text = path.read_text(encoding="utf-8")
            before, declared, after = re.split(
                rf'(_history\(\n    "{table}",.*?\n\)\n)', text, maxsplit=1, flags=re.DOTALL
            )
            one_line = rf'        (?:_\w+|Column)\("{column}", .*\),\n'
            block = rf'        (?:_\w+|Column)\(\n            "{column}",\n(?: {{12}}.*\n)*        \),\n'
            without, number = re.subn(rf"{one_line}|{block}", "", declared)
            assert number == 1, each
            path.write_text(before + without + after, encoding="utf-8")
        return self

    def aged(self) -> OlderProgram:
        """Takes a column out of each table, reads custom fields from another field, and stores numbers as integers."""
        return (
            self.without_columns(*NEW_COLUMNS)
            .edited("records/tables.py", *OTHER_VALUE)
            .edited("records/tables.py", AS_DOUBLE, AS_DOUBLE.replace("double", "bigint"))
        )

    def edited(self, file: str, before: str, after: str) -> OlderProgram:
        """Replaces a text in one of its files."""
        path = self.folder / "bookings_sync" / file
        text = path.read_text(encoding="utf-8")
        assert before in text, (file, before)
        path.write_text(text.replace(before, after), encoding="utf-8")
        return self

    def sync(self, settings: Settings, now: datetime) -> dict[str, Any]:
        """The run's row; or its error and exit code."""
        order = {"settings": asdict(settings), "now": now.isoformat()}
        ended = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            input=json.dumps(order, default=str),
            env={**os.environ, "PYTHONPATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        answer: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return answer
