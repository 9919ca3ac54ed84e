"""BEHAVIOR.md: each surprise of the API names the tests that pin it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "pipelines/BEHAVIOR.md").read_text(encoding="utf-8")


def test_every_test_it_names_exists() -> None:
    named = re.findall(r"`((?:[\w/]+\.(?:py|yml))?(?:::\w+)?)`", TEXT)
    checked, file = 0, Path()
    for name in filter(None, named):
        path, _, function = name.partition("::")
        if path.endswith(".yml"):
            assert (ROOT / path).is_file(), name
        elif path.startswith("sandbox/"):
            assert (ROOT / "pipelines/bookings_sync" / path).is_file(), name
        else:
            found = (
                [each for each in (ROOT / "tests").rglob("*.py") if str(each).endswith(f"/{path}")] if path else [file]
            )
            assert len(found) == 1, name
            file = found[0]
            assert not function or re.search(rf"^def {function}\(", file.read_text(), re.MULTILINE), name
        checked += 1
    assert checked > 30


def test_every_row_names_a_test() -> None:
    _, _, tables = TEXT.partition("\n## ")  # the first table explains the grades
    for row in re.findall(r"^\| (?!what|---)(.+)$", tables, re.MULTILINE):
        assert "`" in row.rpartition("| ")[2] or row.rstrip(" |").endswith("`"), row
