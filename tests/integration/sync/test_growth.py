"""The DuckDB file: many small syncs without a transform leave it about as large as its contents."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

import duckdb
import pytest

from .conftest import Site, small

_SYNCS = 60 if os.environ.get("CHAOS") else 10


def row_groups(site: Site, table: str) -> int:
    with duckdb.connect(str(site.database), read_only=True) as connection:
        query = f"SELECT count(DISTINCT row_group_id) FROM pragma_storage_info('bookings_raw.{table}')"
        ((number,),) = connection.execute(query).fetchall()
    return int(number)


@pytest.mark.parametrize("is_idle", [True, False] if os.environ.get("CHAOS") else [True])
def test_syncs_leave_few_row_groups(open_site: Callable[..., Site], is_idle: bool) -> None:
    """Each row group takes blocks of its own, 256 kB each, even if it holds a single row."""
    site = open_site(small(appointments=60, services_per_location=1))
    for number in range(_SYNCS):
        if number and not is_idle:
            site.world.advance(timedelta(hours=6))
        site.sync()
    assert row_groups(site, "runs") <= 9
    assert row_groups(site, "_dlt_loads") <= 9
    assert site.differences() == []
    assert len(site.query("SELECT * FROM runs")) == _SYNCS
    assert site.database.stat().st_size < 25_000_000
