"""Personal data under each rule: every value is searched for in everything that a run writes or prints.

Each value of the calendar is unique, so a search finds exactly this value. Files are searched as bytes. Databases and
Parquet files compress texts, so their tables are read as well.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pendulum
import pyarrow.parquet as pq
import pytest
from dlt.pipeline.pipeline import Pipeline

from bookings_sync.models.publish import publish
from bookings_sync.models.transform import Datasets, transform
from bookings_sync.sandbox import truth_v2
from bookings_sync.sandbox.model import Shape
from bookings_sync.sync import pipeline

from .conftest import Site, small

SECRET = re.compile(r"qx[a-z]+\d+qx|\+4999\d{6}", re.IGNORECASE)
CONTACT = (
    "email",
    "first",
    "last",
    "phone",
    "fingerprint",
    "postal",
    "tag",
    "custom",
    "other",
    "country",
    "source",
    "zone",
)
APPOINTMENT = ("title", "notes", "address", "added", "unfit", "booker", "provider")
MEMBERS = (
    "member",
    "mail",
    "page",
    "about",
    "template",
    "room",
    "linked",
    "alert",
    "remark",
    "code",
    "thanks",
    "unknown",
    "misfit",
    "lost",
)


def give_secrets(site: Site, round_: int) -> None:
    """Every personal field gets its own value in each round. Two contacts share an email address."""
    for number, (contact_id, contact) in enumerate(site.world.data[site.location_id].contacts.items()):

        def secret(kind: str, number: int = number) -> str:
            return f"Qx{kind}{round_}00{number}qX"

        email = f"{secret('email', number // 2)}@example.com"
        fields = {
            "firstName": secret("first"),
            "lastName": secret("last"),
            "email": email,
            "phone": f"+4999{number:06}",
        }
        fields |= {
            "emailLowerCase": email.lower(),
            "fingerprint": secret("fingerprint"),
            "tags": [secret("tag"), "vip"],
        }
        fields |= {"country": secret("country"), "source": secret("source"), "timezone": secret("zone")}
        custom = [{"id": "f1", "value": [secret("custom")]}, {"value": secret("custom")}]  # the second is quarantined
        added = {"postalCode": secret("postal"), "customField": custom, "parents": {"mother": secret("other")}}
        site.world.update_contact(site.location_id, contact_id, fields | added)
        assert contact.name
    for number, row in enumerate(site.world.data[site.location_id].by_start.all()):
        row.title, row.notes, row.address = (f"Qx{kind}{round_}00{number}qX" for kind in APPOINTMENT[:3])
        absent = ("id",) if number == 3 else ()  # quarantined

        def own(kind: str, number: int = number) -> str:
            return f"Qx{kind}{round_}00{number}qX"

        more = {"formReply": {"who": own("added")}, "isFree": own("unfit"), "selectedTimezone": own("booker")}
        row.shape = Shape(more=more | {"calendarProviderId": own("provider") + "@example.com"}, absent=absent)
        row.head = None
    give_secrets_to_staff(site, round_)
    for number, member in enumerate(site.world.data[site.location_id].members.values()):
        member.name, member.email = f"Qxmember{round_}00{number}qX", f"Qxmail{round_}00{number}qX@example.com"


def give_secrets_to_staff(site: Site, round_: int) -> None:
    """The same for what members are and write."""

    def secret(kind: str) -> str:
        return f"Qx{kind}{round_}00qX"

    for team in site.world.data[site.location_id].teams.values():
        page = {"calendarName": secret("page"), "slug": secret("page"), "link": secret("page")}
        team.body["calendarConfig"] |= page | {"description": secret("about"), "headline": secret("unknown")}
        members = team.body.setdefault("members", [])
        for member in members:
            member |= {"name": secret("member"), "email": f"{secret('mail')}@example.com", "phone": secret("unknown")}
        members.append({"name": secret("lost")})  # quarantined
    for service in site.world.data[site.location_id].services.values():
        body = service.body
        body |= {"description": secret("about"), "appointmentTitle": secret("template"), "unknown": secret("unknown")}
        body["meetingLocation"] = secret("room")
        for member in body.get("teamMembers", []):
            member["meetingLocation"] = secret("room")
        body["linkedCalendars"] = {
            each: {"id": secret("linked"), "name": secret("linked")} for each in ("google", "clio", "drchrono")
        }
        body["confirmation"]["notificationAndOther"] |= {
            "alertEmail": f"{secret('alert')}@example.com",
            "notes": secret("remark"),
            "customCode": secret("code"),
            "hasAutoConfirm": secret("misfit"),
        }
        body["confirmation"]["formSubmission"]["content"] = secret("thanks")


def secrets_in(text: str) -> set[str]:
    """The kinds of secrets in a text."""
    return {"phone" if each[0] == "+" else re.sub(r"^qx|\d+qx$", "", each) for each in SECRET.findall(text.lower())}


def in_files(folder: Path) -> set[str]:
    """Searches every file of a folder, and the rows of Parquet files."""
    found: set[str] = set()
    for path in folder.rglob("*"):
        if path.is_file():
            found |= secrets_in(path.read_bytes().decode("latin-1"))
            if path.suffix == ".parquet":
                found |= secrets_in(str(pq.read_table(path).to_pydict()))
    return found


def in_tables(database: Path) -> set[str]:
    """Searches every table of every schema, with all versions."""
    with duckdb.connect(str(database), read_only=True) as connection:
        tables = connection.sql("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
        assert len(tables) > 20
        rows = [connection.sql(f'SELECT each::VARCHAR FROM "{schema}"."{name}" AS each') for schema, name in tables]
        return {kind for table in rows for (text,) in table.fetchall() for kind in secrets_in(text)}


def traces(site: Site, folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The kinds of secrets in the tables after two syncs and a transform. The same must be in the files on the way and
    in a published copy, at most these in any file, and none in what is said."""
    scratch = folder / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    on_the_way: set[str] = set()
    load = Pipeline.load

    def look_and_load(self: Pipeline, *args: Any, **kwargs: Any) -> Any:
        on_the_way.update(in_files(scratch))
        return load(self, *args, **kwargs)

    monkeypatch.setattr(Pipeline, "load", look_and_load)
    said = []
    with caplog.at_level(logging.DEBUG):
        for round_ in range(2):
            give_secrets(site, round_)
            said.append(str(site.sync()))
        with pipeline.open_pipeline(site.settings) as opened, opened.sql_client() as client:
            transform(client, Datasets(), now=pendulum.instance(site.world.now))
        copy = publish(site.database, 1)
    assert secrets_in(caplog.text + "".join(said)) == set()
    held = in_tables(site.database)
    assert in_files(folder) <= held
    assert on_the_way == held == in_tables(copy)
    return held


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        pytest.param({"pii": "drop"}, set(), id="drop"),
        pytest.param({"pii": "hash"}, set(), id="hash"),
        pytest.param({"pii": "drop", "pii_keep": ("tags",), "pii_hash": ("email", "title")}, {"tag"}, id="by-field"),
        pytest.param({"pii": "drop", "pii_members": "keep"}, {*MEMBERS, "provider"}, id="keep-members"),
        pytest.param(
            {"pii": "keep", "pii_members": "hash"}, {*CONTACT, *APPOINTMENT} - {"provider"}, id="hash-members"
        ),
        pytest.param({"pii": "keep"}, {*CONTACT, *APPOINTMENT, *MEMBERS}, id="keep"),
    ],
)
def test_no_trace(
    open_site: Callable[..., Site],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    rules: dict[str, Any],
    kept: set[str],
) -> None:
    site = open_site(small(appointments=30, past_days=20, services_per_location=1), pii_key="k" * 16, **rules)
    assert traces(site, tmp_path, caplog, monkeypatch) == kept
    rejected = {row["table_name"] for row in site.query("SELECT table_name FROM rejected_records")}
    assert rejected == {"appointments", "team_members"} | (
        {"contact_custom_fields"} if rules["pii"] != "drop" else set()
    )
    contacts = {row["id"]: row for row in site.live("contacts")}
    assert {row["contact_id"] for row in site.live("appointments") if row["contact_id"]} <= contacts.keys()
    assert {row["contact_id"] for row in site.live("contact_custom_fields")} <= contacts.keys()
    if rules["pii"] == "hash" or "email" in rules.get("pii_hash", ()):
        emails = [row["email"] for row in contacts.values()]
        assert all(re.fullmatch(r"hmac:[0-9a-f]{32}", email) for email in emails)
        assert len(set(emails)) < len(emails), "who shares an address shares a hash"
        assert [row["email_lower_case"] for row in contacts.values()] == emails


@pytest.mark.parametrize("rule", ["drop", "hash", "keep"])
def test_no_trace_of_what_v2_tells(
    open_site: Callable[..., Site],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
) -> None:
    """v2 has names in lower case, users and the rest of a contact in other fields."""
    spec = small(appointments=30, past_days=20, services_per_location=1)
    site = open_site(spec, apis="v2", pii_key="k" * 16, pii=rule)
    found = traces(site, tmp_path, caplog, monkeypatch)
    told = secrets_in(json.dumps(truth_v2(site.world, site.location_id)))
    assert told >= {"first", "last", "email", "phone", "custom", "title", "room", "mail", "alert", "about", "added"}
    assert found == (told if rule == "keep" else set())
