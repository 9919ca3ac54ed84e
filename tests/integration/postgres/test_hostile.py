"""Hostile texts, ids, records and addresses: nothing is lost, and no message reveals them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bookings_sync.errors import BookingsError, LoadError
from bookings_sync.sandbox.model import Appointment

from .conftest import NOW, PASSWORD, Database, Site

SECRET = "a patient's very own words"


def book(site: Site, contact: dict[str, Any]) -> Appointment:
    """Books an appointment with the first service."""
    location = site.world.locations[0].id
    service = next(iter(site.world.data[location].services))
    return site.world.book(location, service, NOW + timedelta(days=3), contact=contact)


def test_texts_that_postgresql_cannot_store(site: Site, database: Database) -> None:
    """A NUL is replaced before the load, all other text is kept, and the models run."""
    awkward, long = 'O\'Brien \\ "quoted" %s; DROP TABLE x -- 🦷', "é" * 300_000
    contact = book(
        site,
        {
            "firstName": "nu\0l",
            "lastName": awkward,
            "source": long,
            "tags": ["one\0", "two"],
            "customField": [{"id": "f1", "value": "a\0b"}, {"id": "f2", "value": ["\\u0000", "fine\n"]}],
            "dateAdded": "9999-12-31T23:30:00-05:00",
            "more\0": {"deep\0": 1},
        },
    ).contact
    assert contact is not None
    assert site.sync().row["errors"] == "[]"
    columns = "first_name, last_name, source, tags, date_added, extra"
    ((first, last, source, tags, added, extra),) = database.query(
        f"SELECT {columns} FROM bookings_raw.contacts WHERE id = %s", contact.id
    )
    assert (first, last, source, json.loads(tags)) == ("nu\ufffdl", awkward, long, ["one\ufffd", "two"])
    kept = json.loads(extra)
    assert (added, kept["dateAdded"], kept["more\ufffd"]) == (None, "9999-12-31T23:30:00-05:00", {"deep\ufffd": 1})
    assert site.sync().changes.total == 0

    assert site.transform().published
    fields = database.query(
        "SELECT custom_field_id, value FROM bookings_staging.stg_contact_custom_fields WHERE contact_id = %s",
        contact.id,
    )
    assert set(fields) == {("f1", "a\ufffdb"), ("f2", "\\u0000"), ("f2", "fine\n")}


def test_an_id_that_is_sql(site: Site, database: Database) -> None:
    """Its deletion is found and recorded like any other."""
    row, appointments = book(site, {}), site.world.data[site.world.locations[0].id].appointments
    before, row.id, row.head = row.id, "it's %s \\' \"id\"); --", None
    appointments[row.id] = appointments.pop(before)
    site.sync()
    site.world.delete(row.location_id, row.id)
    assert site.sync().changes.deleted == 1
    sql = "SELECT deleted_at IS NOT NULL FROM bookings_raw.appointments WHERE id = %s ORDER BY _dlt_valid_from"
    assert database.query(sql, row.id) == [(False,), (True,)]


def test_a_refused_load_quotes_no_record(site: Site, database: Database, capfd: pytest.CaptureFixture[str]) -> None:
    assert site.sync().outcome == "ok"
    database.query("ALTER TABLE bookings_raw.contacts ADD CONSTRAINT refuse CHECK (first_name <> 'Nobody')")
    book(site, {"firstName": "Nobody", "lastName": SECRET, "emailLowerCase": "someone@example.com"})
    before = database.query("SELECT count(*) FROM bookings_raw.contacts")
    with pytest.raises(LoadError, match="CheckViolation") as refused:
        site.sync()
    told = capfd.readouterr()
    for text in (str(refused.value), told.out, told.err):
        assert SECRET not in text
        assert "someone@example.com" not in text
        assert PASSWORD not in text
    assert database.query("SELECT count(*) FROM bookings_raw.contacts") == before

    database.query("ALTER TABLE bookings_raw.contacts DROP CONSTRAINT refuse")
    assert site.sync().outcome == "ok"
    assert database.query("SELECT count(*) FROM bookings_raw.contacts WHERE last_name = %s", SECRET) == [(1,)]


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (f"postgresql://postgres:{PASSWORD}@localhost/nowhere?host=%s", 'database "nowhere" does not exist'),
        (f"postgresql://postgres:{PASSWORD}@127.0.0.1:1/x", "port 1 failed"),
        (f"postgresql://postgres:half@{PASSWORD}/x", "could not translate host name"),
        (f"postgresql//postgres:{PASSWORD}@localhost/x", "destination.postgres.credentials"),
        (f"postgresql://postgres:{PASSWORD}@localhost:{PASSWORD}/x", "destination.postgres.credentials"),
        (f"postgresql://postgres:x@localhost/x?bogus={PASSWORD}", "ProgrammingError"),
        (None, "destination.postgres.credentials"),
    ],
)
def test_an_address_without_a_server(
    site: Site, server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str | None, told: str
) -> None:
    """The message is one clear line without the password."""
    if address is None:
        monkeypatch.delenv("DESTINATION__POSTGRES__CREDENTIALS", raising=False)
    else:
        monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", address.replace("%s", server))
    with pytest.raises(BookingsError, match=told) as refused:
        site.sync()
    assert PASSWORD not in str(refused.value)
    assert "\n" not in str(refused.value)
