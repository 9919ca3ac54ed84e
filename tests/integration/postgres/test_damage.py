"""Damage of a PostgreSQL warehouse: the next sync or `bookings doctor` heals it, and no load adds to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings_sync.changes import stage
from bookings_sync.errors import LoadError
from bookings_sync.sync import pipeline
from bookings_sync.warehouse.doctor import Doctor

from .conftest import Database, Site


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE bookings_raw.reads",
        "DROP TABLE bookings_raw.contact_custom_fields",
        "TRUNCATE bookings_raw.appointments",
        "DELETE FROM bookings_raw.slots",
    ],
)
def test_rows_that_were_lost_are_read_again(site: Site, database: Database, tmp_path: Path, damage: str) -> None:
    site.sync()
    database.query(damage)
    healed = site.sync()
    assert any("other rows" in warning for warning in healed.warnings) == ("reads" not in damage)
    assert site.differences(database, tmp_path) == []
    again = site.sync()
    assert again.changes.total == 0
    assert not any("other rows" in warning for warning in again.warnings)


def test_doctor_repairs(site: Site, database: Database, tmp_path: Path) -> None:
    site.sync()
    location = site.world.locations[0]
    for row in list(site.world.data[location.id].by_start.all())[-4:-2]:
        site.world.delete(location.id, row.id)
    site.sync()
    raw = "SET search_path = bookings_raw; "
    later = "_dlt_valid_from - INTERVAL '1 day'"
    database.query(
        raw + "CREATE TEMP TABLE copy AS SELECT * FROM appointments LIMIT 3;"
        f"UPDATE copy SET row_digest = 'x' || row_digest, title = 'older', _dlt_valid_from = {later};"
        "INSERT INTO appointments SELECT * FROM copy;"
        "INSERT INTO contacts SELECT * FROM contacts LIMIT 4;"
        "UPDATE appointments SET title = 'lost' WHERE deleted_at IS NOT NULL;"
        "UPDATE services SET name = 'edited';"
        "CREATE TEMP TABLE other AS SELECT * FROM locations LIMIT 1; UPDATE other SET location_id = 'other';"
        "INSERT INTO locations SELECT * FROM other; CREATE TEMP TABLE theirs AS SELECT * FROM contacts LIMIT 1;"
        "UPDATE theirs SET id = 'theirs', row_digest = 'c', api_location_id = 'other';"
        "INSERT INTO contacts SELECT * FROM theirs"
    )
    with pipeline.open_pipeline(site.settings) as opened, pipeline.open_client(opened, site.settings) as client:
        shown = Doctor(client).examine()
        assert {each.what for each in shown} == {
            "two current versions",
            "copies of one version",
            "tombstones with other values",
            "values that were edited",
            "rows of another location",
        }
        assert Doctor(client).repair() == shown
        assert Doctor(client).examine() == []
    site.sync()
    assert site.differences(database, tmp_path) == []


def test_a_record_that_is_staged_twice_is_not_merged(
    site: Site, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.sync()
    row = next(
        row for row in site.world.data[site.world.locations[0].id].by_start.all() if row.start_ms > site.world.now_ms
    )
    site.world.mark(site.world.locations[0].id, row.id, "showed")
    version = stage.Stage.version
    with monkeypatch.context() as patch:
        patch.setattr(stage.Stage, "version", lambda self, rows: version(self, stage.pa.concat_tables([rows, rows])))
        with pytest.raises(LoadError, match="two current versions of a record in appointments"):
            site.sync()
    doubles = (
        "SELECT id FROM bookings_raw.appointments WHERE _dlt_valid_to IS NULL GROUP BY location_id, id "
        "HAVING count(*) > 1"
    )
    assert database.query(doubles) == []
