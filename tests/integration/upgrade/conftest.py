"""The fixtures of the sync tests, and an older program that syncs into the same warehouse."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration.sync.conftest import open_site, warehouse_file
from support.older_program import OlderProgram

__all__ = ["older", "open_site", "warehouse_file"]


@pytest.fixture
def older(tmp_path: Path) -> OlderProgram:
    """A copy of the program, for a test to take something out of it."""
    return OlderProgram.copied(tmp_path / "older")
