"""Scratch folders: each command keeps its own, whatever others remove at the same time."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bookings_sync.warehouse.scratch import scratch_folder


def test_commands_that_start_together_keep_their_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is not abandoned because its command has not locked it yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def use(_: int) -> bool:
        with scratch_folder() as folder:
            file = Path(folder, "records")
            file.touch()
            return file.exists()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(400)))
    assert list(tmp_path.iterdir()) == []
