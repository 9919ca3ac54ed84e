"""The store refuses a load that would leave two current versions of a record."""

from __future__ import annotations

import duckdb
import pytest

from bookings_sync.changes import stage
from bookings_sync.errors import LoadError
from bookings_sync.sync import first_sync

from .conftest import Site


def doubles(site: Site) -> list[dict[str, object]]:
    return site.query(
        "SELECT id FROM appointments WHERE _dlt_valid_to IS NULL GROUP BY location_id, id HAVING count(*) > 1"
    )


def test_a_record_that_is_held_after_all_is_not_appended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run takes the location for a new one, although another run has just loaded it."""
    site.sync()
    with duckdb.connect(str(site.database)) as connection:
        connection.execute("DELETE FROM bookings_raw.reads; UPDATE bookings_raw.appointments SET row_digest = id")
    with monkeypatch.context() as patch:
        patch.setattr(first_sync.FirstSync, "is_first", lambda *_: True)
        with pytest.raises(LoadError, match=r"two current versions of a record in \w+: nothing was loaded there"):
            site.sync()
    assert doubles(site) == []
    site.sync(full=True)
    assert site.differences() == []


def test_a_record_that_is_staged_twice_is_not_merged(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.sync()
    row = next(row for row in site.world.data[site.location_id].by_start.all() if row.start_ms > site.world.now_ms)
    site.world.mark(site.location_id, row.id, "showed")
    version = stage.Stage.version
    with monkeypatch.context() as patch:
        patch.setattr(stage.Stage, "version", lambda self, rows: version(self, stage.pa.concat_tables([rows, rows])))
        with pytest.raises(LoadError, match="two current versions of a record in appointments"):
            site.sync()
    assert doubles(site) == []
    site.sync()
    assert site.differences() == []
