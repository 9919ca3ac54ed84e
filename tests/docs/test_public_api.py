"""The public API: the names of `bookings_sync`, and docs/reference/python-api.md, which describes them."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

import bookings_sync
from support.pages import ROOT, code_blocks
from support.user_folder import UserFolder

PAGE = ROOT / "docs/reference/python-api.md"


def test_public_names() -> None:
    """A name that is removed here breaks someone's program: say so in CHANGELOG.md."""
    assert bookings_sync.__all__ == [
        "ApiError",
        "AuditError",
        "BookingsError",
        "ConfigurationError",
        "LoadError",
        "Location",
        "LockedError",
        "Settings",
        "SyncResult",
        "TransformResult",
        "bookings_source",
        "load_settings",
        "sync_warehouse",
        "transform_warehouse",
    ]


@pytest.mark.parametrize("name", bookings_sync.__all__)
def test_each_name_imports_and_is_documented(name: str) -> None:
    assert getattr(bookings_sync, name).__name__.rpartition(".")[2] in {name, "bookings"}
    assert name in dir(bookings_sync)
    assert re.search(rf"\b{name}\b", PAGE.read_text(encoding="utf-8"))


def test_importing_the_package_is_light() -> None:
    program = "import bookings_sync, sys; print(sorted({'dlt', 'httpx', 'pyarrow', 'pendulum'} & set(sys.modules)))"
    imported = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert imported == "[]\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'sink'"):
        _ = bookings_sync.sink


def test_examples_run_in_their_order(user_folder: UserFolder) -> None:
    examples = code_blocks(PAGE, "python")
    printed = [user_folder.python(example) for example in examples]
    assert len(printed) == 6
    synced, ranged, selected, settings, source, errors = printed
    assert synced.splitlines()[0] == "ok"
    assert "marts fct_appointments 400" in synced
    assert ranged == "ok\n"
    assert selected == "rpt_show_rate\nbookings_marts_as_of\n"
    assert settings.startswith("ok\nLocation(name='berlin'")
    assert "the-key" not in settings
    assert source == "ok\n"
    assert errors.startswith("sources.bookings.locations.atlantis .dlt/secrets.toml Configured are: ")


def test_the_dlt_examples_run_next_to_the_committed_configuration(user_folder: UserFolder) -> None:
    """dlt refuses credentials in config.toml, so neither the examples nor the file may need them there."""
    config = user_folder.path / ".dlt/config.toml"
    plain = config.read_text()
    committed = (ROOT / ".dlt/config.toml").read_text()
    base_url = plain.partition("\n")[2]
    config.write_text(re.sub(r"^base_url = .*\n", base_url, committed, flags=re.MULTILINE))
    try:
        (example,) = [each for each in code_blocks(PAGE, "python") if "dlt.pipeline(" in each]
        assert user_folder.python(example) == "ok\n"
        by_name = example.replace("destination=duckdb", 'destination="duckdb"').replace('"calendar"', '"by_name"')
        assert user_folder.python(by_name) == "ok\n"
        assert (user_folder.path / "by_name.duckdb").exists()
    finally:
        config.write_text(plain)


JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"start": JANUARY}, "start and end go together"),
        ({"start": JANUARY.replace(tzinfo=None), "end": FEBRUARY}, "has no time zone"),
        ({"start": JANUARY, "end": FEBRUARY, "full": True}, "leave out start and end"),
        ({"start": FEBRUARY, "end": JANUARY}, "the window is empty"),
    ],
)
def test_an_impossible_range_is_a_value_error(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        bookings_sync.sync_warehouse(bookings_sync.Settings(), **arguments)


def test_a_moment_in_the_future_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="is in the future"):
        bookings_sync.transform_warehouse(bookings_sync.Settings(), as_of=datetime(2199, 1, 1, tzinfo=UTC))
