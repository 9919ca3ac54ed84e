"""docs/reference lists what the code declares: tables, settings, commands, exit codes.

`UPDATE_DOCS=1 pytest tests/docs` writes the generated tables.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from bookings_sync.cli.help import EXIT_CODES
from bookings_sync.cli.main import app
from bookings_sync.config.locations import Location
from bookings_sync.config.privacy import FIELDS
from bookings_sync.config.settings import NO_KNOBS, Settings
from bookings_sync.dialects import DIALECTS
from bookings_sync.models.project import Project, find_models
from bookings_sync.observe.settings import ObserveSettings
from bookings_sync.records.tables import TABLES
from bookings_sync.sandbox import WorldSpec, generate
from bookings_sync.sandbox import truth_v2 as of_v2
from support import truth, truth_v2
from support.pages import ROOT, check_generated

REFERENCE = ROOT / "docs/reference"


def test_raw_tables() -> None:
    parts: list[str] = []
    for table in TABLES.values():
        parts.append(f"## `{table.name}`\n\n{table.description}\n\n| column | type | |\n|---|---|---|")
        for column in table.columns:
            name = f"**{column.name}**" if column.name in table.key else column.name
            parts.append(f"| {name} | {column.type} | {column.description} |")
        parts.append("")
    check_generated(REFERENCE / "raw-tables.md", "raw", "\n".join(parts))


def test_reporting_tables() -> None:
    models = [model for model in Project.load(find_models()).models.values() if model.layer != "staging"]
    rows = ["| table of `bookings_marts` | one row per | question it answers |", "|---|---|---|"]
    for model in sorted(models, key=lambda model: model.name):
        grain = model.header.grain.rstrip(".").removeprefix("one row per ")
        rows.append(f"| `{model.name}` | {grain} | {model.header.question} |")
    check_generated(REFERENCE / "marts.md", "marts", "\n".join(rows))


def test_the_fields_of_v2() -> None:
    """Columns whose field has another name in v2."""
    rows = ["| column | v1 | v2 |", "|---|---|---|"]
    for table in TABLES.values():
        for column in table.columns:
            v1 = (column.derived.source if column.derived else column.source) or ""
            v2 = DIALECTS["v2"].columns.get(f"{table.name}.{column.name}", "").removeprefix("v2").strip()
            if v2 and v2 != v1:
                rows.append(f"| `{table.name}.{column.name}` | `{v1}` | {_fields(v2)} |")
    check_generated(ROOT / "docs/api-versions.md", "fields of v2", "\n".join(rows))


def _fields(text: str) -> str:
    return re.sub(r"[\w.]+", lambda found: found[0] if found[0] == "or" else f"`{found[0]}`", text)


def test_the_columns_that_v2_never_fills() -> None:
    """By the oracle, which maps both APIs' fields to columns without the connector."""
    world = generate(WorldSpec(now=datetime.now(UTC), locations=2, appointments=3_000, seed=5))
    filled_by_v1 = _filled(truth.expected_rows(world.truth(each.id), slot_days=7) for each in world.locations)
    filled_by_v2 = _filled(truth_v2.expected_rows(of_v2(world, each.id), slot_days=7) for each in world.locations)
    page = (ROOT / "docs/api-versions.md").read_text(encoding="utf-8")
    documented = page.partition("<!-- v1 only -->")[2].partition("<!-- end of v1 only -->")[0]
    # v2 has one field for the attendance. It fills both columns, the oracle one of them.
    assert set(re.findall(r"`([\w.]+)`", documented)) == filled_by_v1 - filled_by_v2 - {
        "appointments.appoinment_status"
    }


def _filled(of_locations: Iterable[Mapping[str, Mapping[Any, Mapping[str, Any]]]]) -> set[str]:
    return {
        f"{table}.{column}"
        for tables in of_locations
        for table, rows in tables.items()
        for row in rows.values()
        for column, value in row.items()
        if value is not None
    }


def _documented(page: str) -> dict[str, str]:
    return dict(re.findall(r"^\| `(\w+)` \| (.+?) \|", (REFERENCE / page).read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("defaults", [Settings(), ObserveSettings()], ids=["sources.bookings and bookings", "observe"])
def test_settings_and_their_defaults(defaults: Settings | ObserveSettings) -> None:
    documented = _documented("settings.md")
    for each in fields(defaults):
        if each.name not in NO_KNOBS:
            value = tomllib.loads("value = " + documented[each.name].strip("`"))["value"]
            default = getattr(defaults, each.name)
            assert (list(default) if isinstance(default, tuple) else default) == value, each.name


def test_every_personal_field_is_described() -> None:
    page = (ROOT / "docs/privacy.md").read_text(encoding="utf-8")
    described = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", page, re.MULTILINE)))
    assert set(described) == set(FIELDS)


def test_no_other_settings_are_documented() -> None:
    known = {each.name for kind in (Settings, ObserveSettings, Location) for each in fields(kind)} - NO_KNOBS - {"name"}
    assert _documented("settings.md").keys() == known


def test_commands() -> None:
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    command = get_command(app)
    assert isinstance(command, TyperGroup)
    assert set(re.findall(r"^\| `bookings (\w+)` \|", text, re.MULTILINE)) == command.commands.keys()


def test_exit_codes() -> None:
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d+) \| ", text, re.MULTILINE) == re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)
