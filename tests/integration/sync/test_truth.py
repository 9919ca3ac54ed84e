"""The oracle itself: it reports every tampered row of the warehouse."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from .conftest import Site, both_apis, small

LIVE = "_dlt_valid_to IS NULL AND deleted_at IS NULL"
TAMPERINGS = [
    "UPDATE appointments SET title = title || '.' WHERE id = {id} AND {live}",
    "UPDATE appointments SET start_time = start_time + INTERVAL 1 MICROSECOND WHERE id = {id} AND {live}",
    "UPDATE appointments SET extra = '{{\"a\": 1}}' WHERE id = {id} AND {live}",
    "UPDATE appointments SET deleted_at = now() WHERE id = {id} AND {live}",
    "INSERT INTO appointments SELECT * FROM appointments WHERE id = {id} AND {live}",
    "INSERT INTO appointments SELECT * REPLACE (id || 'x' AS id) FROM appointments WHERE id = {id} AND {live}",
    "UPDATE contacts SET tags = '[\"x\"]' WHERE id = (SELECT contact_id FROM appointments WHERE id = {id} LIMIT 1)",
    "DELETE FROM contact_custom_fields WHERE value = (SELECT max(value) FROM contact_custom_fields)",
    "UPDATE services SET has_allow_reschedule = NOT has_allow_reschedule",
    "UPDATE service_hours SET close_minute = 59 WHERE weekday = 'monday'",
    "DELETE FROM slots WHERE start_time = (SELECT max(start_time) FROM slots)",
    "UPDATE team_members SET email = NULL",
]


@both_apis
def test_it_reports_every_wrong_row(open_site: Callable[..., Site]) -> None:
    site = open_site(small(appointments=30, past_days=20, services_per_location=1))
    site.sync()
    assert site.differences() == []
    row = next(row for row in site.world.data[site.location_id].by_start.all() if row.contact and row.title)
    whole = site.database.read_bytes()
    for tampering in TAMPERINGS:
        with duckdb.connect(str(site.database)) as connection:
            changed = connection.execute(f"USE bookings_raw; {tampering.format(id=repr(row.id), live=LIVE)}").fetchall()
        assert changed != [(0,)], tampering
        assert site.differences(), tampering
        site.database.write_bytes(whole)
    assert site.differences() == []


@both_apis
def test_it_shows_a_few_differences_per_table(site: Site) -> None:
    site.sync()
    with duckdb.connect(str(site.database)) as connection:
        connection.execute("UPDATE bookings_raw.appointments SET start_time_raw = 'wrong'")
    found = site.differences()
    assert len(found) == 5
    assert "start_time_raw is 'wrong', not '20" in found[0]
