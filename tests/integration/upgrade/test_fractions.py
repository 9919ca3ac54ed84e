"""Numbers of services may have fractions. Versions before 0.3 declared them as integers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import duckdb

from bookings_sync.changes.diff import Changes
from bookings_sync.sandbox import Switches
from integration.sync.conftest import Site, small
from support.older_program import AS_DOUBLE, OlderProgram


def test_an_integer_column_becomes_a_number(open_site: Callable[..., Site], older: OlderProgram) -> None:
    """The held integers stay as they are, and count as unchanged."""
    site = open_site(small(appointments=20), slots=False)
    answer = older.edited("records/tables.py", AS_DOUBLE, AS_DOUBLE.replace("double", "bigint")).sync(
        site.settings, site.world.now
    )
    assert answer["outcome"] == "ok"
    with duckdb.connect(str(site.database)) as connection:
        connection.execute("UPDATE bookings_raw._bookings_properties SET value = '1' WHERE name = 'version'")
    before = site.query("SELECT slot_interval FROM services ORDER BY id")
    assert site.sync().changes == Changes()
    assert site.query("SELECT slot_interval FROM services ORDER BY id") == before
    site.world.switches = replace(site.world.switches, fractional_numbers=True)
    assert site.sync().changes.changed > 0
    assert {row["slot_interval"] for row in site.live("services")} == {7.5}
    assert {row["priority"] for row in site.live("service_members")} == {0.5}
    assert {row["extra"] for row in site.live("service_members")} == {None}


def test_fractions_from_the_beginning(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=20), switches=Switches(fractional_numbers=True), slots=False)
    site.sync()
    assert {row["slot_buffer"] for row in site.live("services")} == {2.5}
    assert site.differences() == [] or all(each.startswith("slots") for each in site.differences())
    assert site.sync().changes == Changes()
