"""A warehouse of an earlier version on PostgreSQL: migrated once, nothing counted as changed, newer ones refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings_sync.errors import NewerWarehouseError
from support.older_program import OlderProgram

from .conftest import Database, Site


def test_an_older_warehouse(site: Site, database: Database, tmp_path: Path) -> None:
    """The older program has another hash function, and misses a column."""
    older = OlderProgram.copied(tmp_path / "older").without_columns("appointments.is_recurring", "services.slot_buffer")
    older.edited(
        "records/digests.py",
        "digest_of = xxh3_128_hexdigest",
        "digest_of = lambda text: xxh3_128_hexdigest(b'other' + text)",
    )
    assert older.sync(site.settings, site.world.now)["outcome"] == "ok"
    row = site.sync().row
    assert {name: row[name] for name in ("rows_new", "rows_changed", "rows_moved", "rows_deleted")} == {
        "rows_new": 0,
        "rows_changed": 0,
        "rows_moved": 0,
        "rows_deleted": 0,
    }
    marked = database.query("SELECT count(*) FROM bookings_raw.appointments WHERE unchanged_since IS NOT NULL")
    filled = "SELECT count(*) FROM bookings_raw.appointments WHERE _dlt_valid_to IS NULL AND is_recurring IS NOT NULL"
    assert marked == database.query(filled) != [(0,)]
    assert site.sync().changes.total == 0
    database.query("UPDATE bookings_raw._bookings_properties SET value = '1000' WHERE name = 'version'")
    with pytest.raises(NewerWarehouseError):
        site.sync()
