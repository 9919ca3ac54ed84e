"""`bookings forget` on PostgreSQL: the server's own files are searched, but its write-ahead log."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookings_sync.models.access import open_client
from bookings_sync.models.erase import erase_everywhere
from bookings_sync.records.privacy import Privacy
from bookings_sync.sandbox.model import Shape
from bookings_sync.warehouse.erasure import Erasure

from .conftest import Database, Site

NAMES = ("qxfirstqx", "qxtitleqx", "qxmailqx@example.com", "qxfieldqx", "qxaddedqx")


def in_server_files(database: Database) -> set[tuple[str, str]]:
    """The names that are in the files of this database, and the relation of each file."""
    database.query("CHECKPOINT")
    ((folder,),) = database.query("SHOW data_directory")
    ((oid,),) = database.query("SELECT oid FROM pg_database WHERE datname = current_database()")
    relations = dict(database.query("SELECT pg_relation_filenode(oid)::text, relname FROM pg_class"))
    found = set()
    for path in (Path(folder) / "base" / str(oid)).iterdir():
        body = path.read_bytes()
        relation = relations.get(path.name.partition(".")[0].partition("_")[0], path.name)
        found |= {(name, relation) for name in NAMES if name.encode() in body}
    return found


@pytest.mark.parametrize("how", ["email", "rules"])
def test_the_servers_files(site: Site, database: Database, how: str) -> None:
    location = site.world.locations[0]
    row = next(each for each in site.world.data[location.id].by_start.all() if each.contact)
    assert row.contact
    contact_id = row.contact.id
    row.title, row.shape, row.head = "qxtitleqx", Shape(more={"formReply": "qxaddedqx"}), None
    fields = {"firstName": "qxfirstqx", "email": "qxmailqx@example.com"}
    site.world.update_contact(location.id, contact_id, fields | {"customField": [{"id": "f1", "value": "qxfieldqx"}]})
    site.sync()
    site.transform()
    database.query("ANALYZE")
    assert {name for name, _ in in_server_files(database)} == set(NAMES)
    settings = site.settings
    with open_client(settings, writes=True) as client:
        if how == "rules":
            erasure = Erasure(client, Privacy.of(type(settings)(pii="drop")), site.clock())
            assert erasure.by_rules(apply=True).rows
        else:
            erasure = Erasure(client, Privacy.of(settings), site.clock())
            found = erasure.contacts("email", "QxMailqx@example.com ", [location.id])
            assert set(found.contacts) == {(location.id, contact_id)}
            assert erasure.of_contacts(found, [(location.id, "email", "qxmailqx@example.com")], apply=True).rows
        assert erase_everywhere(client, settings, erasure, site.clock()) == []
        assert not erasure.erasures.is_unfinished()
    assert in_server_files(database) == set()
    if how == "email":
        assert database.query("SELECT count(*) FROM bookings_raw.appointments WHERE contact_id = %s", contact_id) == [
            (0,)
        ]
        result = site.sync()
        assert {kind: result.row[f"rows_{kind}"] for kind in ("new", "changed", "deleted")} == {
            "new": 0, "changed": 0, "deleted": 0
        }  # fmt: skip
