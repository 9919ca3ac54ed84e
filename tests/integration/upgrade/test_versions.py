"""The warehouse knows its version: a newer program migrates it, an older one refuses."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pytest

from bookings_sync.changes.diff import Changes
from bookings_sync.errors import NewerWarehouseError
from bookings_sync.models.access import open_client
from bookings_sync.status import read_status
from bookings_sync.sync import pipeline
from bookings_sync.warehouse.migrations import MIGRATIONS, VERSION
from integration.sync.conftest import Site
from support.older_program import OlderProgram

OTHER_HASH = "digest_of = xxh3_128_hexdigest", "digest_of = lambda text: xxh3_128_hexdigest(b'other' + text)"


def execute(site: Site, sql: str) -> None:
    with duckdb.connect(str(site.database)) as connection:
        connection.execute("USE bookings_raw")
        connection.execute(sql)


def test_migrations_are_numbered_without_gaps() -> None:
    assert [each.number for each in MIGRATIONS] == list(range(1, VERSION + 1))


def test_another_digest_function_changes_nothing(open_site: Callable[..., Site], older: OlderProgram) -> None:
    """The digests are computed again in place. In the older program's replies nothing is new either."""
    site = open_site()
    older.edited("records/digests.py", *OTHER_HASH).sync(site.settings, site.world.now)
    before = site.query("SELECT count(*) AS n FROM appointments")
    with open_client(site.settings) as client:
        assert len(read_status(client, site.settings, now=site.clock(), runs=1).migrations) == 10
    assert pipeline.plan_run(site.settings, clock=site.clock, asked=None, full=False).migrations
    result = site.sync()
    assert result.row["errors"] == "[]"
    # The digest of a contact's custom fields is a column. It cannot be computed without the reply.
    assert result.changes == Changes(rewritten=len(site.live("contacts", "custom_fields_digest IS NOT NULL")))
    assert site.query("SELECT count(*) AS n FROM appointments") == before
    with open_client(site.settings) as client:
        assert read_status(client, site.settings, now=site.clock(), runs=1).migrations == ()
    assert site.sync().changes.total == 0


def test_an_older_program_refuses(open_site: Callable[..., Site], older: OlderProgram) -> None:
    site = open_site()
    site.sync()
    execute(site, f"UPDATE _bookings_properties SET value = '{VERSION + 1}' WHERE name = 'version'")
    answer = older.sync(site.settings, site.world.now)
    assert answer["exit_code"] == NewerWarehouseError.exit_code
    assert answer["error"].count(".") == 0
    with pytest.raises(NewerWarehouseError):
        site.sync()
    with pytest.raises(NewerWarehouseError):
        pipeline.plan_run(site.settings, clock=site.clock, asked=None, full=False)
    with pytest.raises(NewerWarehouseError), open_client(site.settings):
        pass


def test_looking_migrates_nothing(open_site: Callable[..., Site], older: OlderProgram) -> None:
    site = open_site()
    older.edited("records/digests.py", *OTHER_HASH).sync(site.settings, site.world.now)
    before = site.query("FROM _bookings_properties ORDER BY name")
    with open_client(site.settings) as client:
        read_status(client, site.settings, now=site.clock(), runs=1)
    pipeline.plan_run(site.settings, clock=site.clock, asked=None, full=False)
    assert site.query("FROM _bookings_properties ORDER BY name") == before
