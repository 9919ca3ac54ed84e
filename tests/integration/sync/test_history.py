"""History: every table keeps each version of each record, in sequence, and exactly one is current."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from .conftest import Site, small

KEYS = {
    "locations": (),
    "teams": ("id",),
    "team_members": ("team_id", "user_id"),
    "services": ("id",),
    "service_members": ("service_id", "user_id"),
    "service_hours": ("service_id", "weekday", "position"),
    "appointments": ("id",),
    "contacts": ("id",),
    "contact_custom_fields": ("contact_id", "custom_field_id"),
    "slots": ("service_id", "start_time"),
}


def test_versions_follow_one_another(open_site: Callable[..., Site]) -> None:
    """For each key: no overlap, no gap, one current version, and no two equal versions in sequence."""
    site = open_site(small(locations=2, seed=3))
    site.sync()
    for days in (4, 0, 9, 1):
        site.world.advance(timedelta(days=days, hours=1))
        service = next(iter(site.world.data[site.location_id].services.values()))
        service.body["teamMembers"] = service.body["teamMembers"][1:]
        site.sync()
    deleted = 0
    for table, columns in KEYS.items():
        key = ", ".join(("location_id", *columns))
        order = f"OVER (PARTITION BY {key} ORDER BY _dlt_valid_from)"
        (found,) = site.query(
            f"""
            WITH versions AS (
              SELECT *, lead(_dlt_valid_from) {order} AS next_from, lag(row_digest) {order} AS digest_before
              FROM {table}
            )
            SELECT
              count(*) AS versions,
              count(DISTINCT ({key})) AS keys,
              count(*) FILTER (WHERE _dlt_valid_to IS NULL) AS current,
              count(*) FILTER (WHERE _dlt_valid_to IS DISTINCT FROM next_from) AS gaps_or_overlaps,
              count(*) FILTER (WHERE _dlt_valid_to <= _dlt_valid_from) AS backwards,
              count(*) FILTER (WHERE row_digest = digest_before) AS unchanged,
              count(*) FILTER (WHERE deleted_at IS NOT NULL AND deleted_at <> _dlt_valid_from) AS misdated,
              count(*) FILTER (WHERE deleted_at IS NOT NULL) AS deleted
            FROM versions
            """
        )
        deleted += found.pop("deleted")
        assert found == {
            "versions": found["versions"],
            "keys": found["current"],
            "current": found["current"],
            "gaps_or_overlaps": 0,
            "backwards": 0,
            "unchanged": 0,
            "misdated": 0,
        }, table
    assert deleted > 10, "a world in which nothing goes proves nothing"


def test_a_change_and_its_reversal_give_three_versions(site: Site) -> None:
    """The versions are in order although the clock stands still."""
    row = site.world.book(site.location_id, _service(site), site.world.now + timedelta(days=2), contact={})
    for status in ("noshow", "showed", "noshow"):
        site.world.mark(site.location_id, row.id, status)
        site.sync()
    versions = site.versions("appointments", row.id)
    attendance = [version["appoinment_status"] or version["appointment_status"] for version in versions]
    assert attendance == ["noshow", "showed", "noshow"]
    assert versions[0]["row_digest"] == versions[2]["row_digest"] != versions[1]["row_digest"]


def test_deleted_and_restored(site: Site) -> None:
    """A tombstone keeps the values. A restored record gets a new version."""
    row = site.world.book(site.location_id, _service(site), site.world.now + timedelta(days=3), contact={})
    site.sync()
    site.world.delete(site.location_id, row.id)
    assert site.sync().changes.deleted == 1
    assert site.live("appointments", "id = ?", row.id) == []
    assert site.sync().changes.total == 0, "a tombstone is not found to be gone a second time"
    site.world.restore(site.location_id, row.id)
    assert site.sync().changes.restored == 1
    lived, gone, lives = site.versions("appointments", row.id)
    assert [each["deleted_at"] is None for each in (lived, gone, lives)] == [True, False, True]
    assert gone["title"] == lived["title"] is not None
    assert gone["start_time"] == lived["start_time"]
    assert site.differences() == []


def test_a_move_to_another_window(site: Site) -> None:
    """It is one moved record, not a deleted and a new one."""
    row = site.world.book(site.location_id, _service(site), site.world.now - timedelta(days=60), contact={})
    site.sync(rows_per_reply=20, max_window_days=32)
    site.world.reschedule(site.location_id, row.id, site.world.now + timedelta(days=50))
    result = site.sync(rows_per_reply=20, max_window_days=32)
    assert (result.changes.moved, result.changes.deleted, result.changes.restored) == (1, 0, 0)
    assert [version["deleted_at"] for version in site.versions("appointments", row.id)] == [None, None]
    assert site.differences() == []


def test_a_contact_changes_alone(site: Site) -> None:
    """A changed custom field gives a version of the contact and of the field, none of the appointment. Null equals
    missing."""
    contact = {"firstName": "Ada", "customField": [{"id": "f1", "value": "a"}, {"id": "f2", "value": ["b"]}]}
    row = site.world.book(site.location_id, _service(site), site.world.now + timedelta(days=2), contact=contact)
    assert row.contact is not None
    site.sync()
    fields = [{"id": "f2", "value": ["b", "c"]}]
    site.world.update_contact(site.location_id, row.contact.id, {"customField": fields, "unheardOf": None})
    result = site.sync()
    assert (result.changes.changed, result.changes.deleted, result.changes.new) == (2, 1, 0)
    assert len(site.versions("contacts", row.contact.id)) == 2
    assert len(site.versions("appointments", row.id)) == 1
    site.world.update_contact(site.location_id, row.contact.id, {"anotherNull": None})
    assert site.sync().changes.total == 0
    assert site.differences() == []


def _service(site: Site) -> str:
    return next(iter(site.world.data[site.location_id].services))


def test_the_last_bookings_of_a_service_that_disappeared(open_site: Callable[..., Site]) -> None:
    """A service gets its first booking and is deleted between two syncs, so no list names it."""
    site = open_site(small(services_per_location=2))
    team_id = next(iter(site.world.data[site.location_id].teams))
    quiet = site.world.add_service(site.location_id, team_id, "Trial lesson")
    site.sync()
    start = site.world.now + timedelta(days=3)
    booked = site.world.book(site.location_id, quiet.id, start)
    site.world.delete_service(site.location_id, quiet.id)
    site.sync()
    assert [row["id"] for row in site.live("appointments", "id = ?", booked.id)] == [booked.id]
    assert not site.live("services", "id = ?", quiet.id)
