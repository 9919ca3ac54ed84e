"""docs/reference lists what the code declares: tables, settings, commands, exit codes.

`UPDATE_DOCS=1 pytest tests/docs` writes the generated tables.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields

import pytest

from bookings_sync.cli.help import EXIT_CODES
from bookings_sync.cli.main import app
from bookings_sync.config.locations import Location
from bookings_sync.config.privacy import FIELDS
from bookings_sync.config.settings import NO_KNOBS, Settings
from bookings_sync.models.project import Project, find_models
from bookings_sync.observe.settings import ObserveSettings
from bookings_sync.records.tables import TABLES
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
    commands = {each.name or getattr(each.callback, "__name__", "") for each in app.registered_commands}
    assert set(re.findall(r"^\| `bookings (\w+)` \|", text, re.MULTILINE)) == commands


def test_exit_codes() -> None:
    text = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d+) \| ", text, re.MULTILINE) == re.findall(r"^  (\d+) ", EXIT_CODES, re.MULTILINE)
