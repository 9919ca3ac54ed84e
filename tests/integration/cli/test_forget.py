"""`bookings forget` leaves no byte of a person: every file that the program wrote is searched, and every table."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pendulum
import pytest

from bookings_sync.sandbox import SandboxServer, generate
from integration.sync.test_privacy import give_secrets, in_files, in_tables
from support.faulty_process import Break, FaultyProcess

from .conftest import Project, reload_configuration, small_world


@pytest.fixture
def kept(project: Project) -> Iterator[Project]:
    """A warehouse with two versions of every value, in clear text, and its reporting tables."""
    spec = small_world(locations=1, appointments=30, past_days=20, services_per_location=1)
    with SandboxServer(generate(spec)) as server:
        kept = Project(project.folder, server)
        kept.configure()
        for round_ in range(2):
            give_secrets(SimpleNamespace(world=server.world, location_id=server.world.locations[0].id), round_)  # type: ignore[arg-type]
            assert kept.bookings("sync").exit_code == 0
        assert kept.bookings("transform").exit_code == 0
        assert len(in_tables(kept.database)) > 20
        yield kept


def texts(project: Project) -> str:
    """Everything in the files of the folder, and in the tables of all databases, in lower case."""
    found = []
    for path in project.folder.rglob("*"):
        if path.is_file() and ".dlt" not in path.parts:
            found.append(path.read_bytes().decode("latin-1"))
        if path.suffix == ".duckdb":
            with duckdb.connect(str(path), read_only=True) as connection:
                tables = connection.sql("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
                for schema, name in tables:
                    rows = connection.sql(f'SELECT each::VARCHAR FROM "{schema}"."{name}" AS each').fetchall()
                    found += [str(text) for (text,) in rows]
    return "\n".join(found).lower()


def left(secrets: set[str], everything: str) -> set[str]:
    """Those of the secrets that occur. One search for their forms is much faster than one for each."""
    forms = set(re.findall(r"qx[a-z]+[01]00\d+qx|\+4999\d{6}", everything))
    others = {each for each in secrets if not re.fullmatch(r"qx[a-z]+[01]00\d+qx|\+4999\d{6}", each)}
    return (secrets & forms) | {each for each in others if each in everything}


def counts(project: Project) -> list[Any]:
    with duckdb.connect(str(project.database), read_only=True) as connection:
        having = "column_name = '_dlt_valid_to' AND schema_name = 'bookings_raw'"
        names = connection.sql(f"SELECT table_name FROM duckdb_columns() WHERE {having}").fetchall()
        return [
            connection.sql(f"SELECT '{name}', count(*) FROM bookings_raw.{name}").fetchone()
            for (name,) in sorted(names)
            if name != "slots"
        ]


def changes_of_last_run(project: Project) -> dict[str, dict[str, int]]:
    """By table. Slots pass by themselves: commands use the real clock."""
    with duckdb.connect(str(project.database), read_only=True) as connection:
        rows = connection.sql("SELECT tables FROM bookings_raw.runs ORDER BY started_at DESC LIMIT 1").fetchall()
    tables = {name: {kind: n for kind, n in each.items() if n} for name, each in json.loads(rows[0][0]).items()}
    return {name: each for name, each in tables.items() if each and name != "slots"}


def assert_nothing_new(project: Project) -> None:
    before = counts(project)
    result = project.bookings("sync", "--json")
    assert result.exit_code == 0, result.stderr
    assert changes_of_last_run(project) == {}
    assert counts(project) == before
    assert "lost" not in result.stdout


@pytest.mark.parametrize("rule", ["drop", "hash"])
def test_history_under_stricter_rules(kept: Project, rule: str) -> None:
    before = counts(kept)
    kept.configure(more=f'pii = "{rule}"\n')
    with (kept.folder / ".dlt/secrets.toml").open("a") as secrets:
        secrets.write('[sources.bookings]\npii_key = "sixteen or more characters"\n')
    reload_configuration()
    shown = kept.bookings("forget", "--json")
    assert (shown.exit_code, shown.json["outcome"]) == (3, "not erased")
    assert len(in_tables(kept.database)) > 20, "it only showed"
    erased = kept.bookings("forget", "--yes", "--json")
    assert (erased.exit_code, erased.json["rows"]) == (0, shown.json["rows"]), erased.stderr
    assert in_tables(kept.database) == set()
    assert in_files(kept.folder) == set()
    assert counts(kept) == before
    assert kept.bookings("forget", "--yes", "--json").json["outcome"] == "nothing to erase"
    result = kept.bookings("sync", "--json")
    assert result.exit_code == 0
    found = changes_of_last_run(kept)
    found.pop("contact_custom_fields", None)  # a rule that drops them leaves no rows
    assert {kind for each in found.values() for kind in each} <= {"rewritten"}
    assert_nothing_new(kept)
    assert kept.bookings("doctor").stdout == "The history is sound.\n"
    assert kept.bookings("transform").exit_code == 0
    assert in_files(kept.folder) == in_tables(kept.database) == set()


def person(project: Project) -> tuple[str, set[str]]:
    """A contact with appointments, and the texts that only this contact and these appointments have."""
    world, location_id = project.world, project.world.locations[0].id
    rows = list(world.data[location_id].by_start.all())
    contacts = list(world.data[location_id].contacts)
    number, row = next((at, row) for at, row in enumerate(rows) if row.contact and at != 3)
    assert row.contact
    contact_id = row.contact.id
    own = [at for at, each in enumerate(rows) if each.contact and each.contact.id == contact_id]
    place = contacts.index(contact_id)
    secrets = {f"qx{kind}{r}00{at}qx" for kind in ("title", "notes", "address", "added") for r in (0, 1) for at in own}
    kinds = ("first", "last", "fingerprint", "tag", "custom", "postal", "other", "country", "source", "zone")
    secrets |= {f"qx{kind}{r}00{place}qx" for kind in kinds for r in (0, 1)}
    assert number in own
    return contact_id, {*secrets, f"+4999{place:06}", contact_id.lower()}


def test_one_contact_by_id(kept: Project) -> None:
    contact_id, secrets = person(kept)
    everything = texts(kept)
    assert left(secrets, everything) == secrets
    result = kept.bookings("forget", "--contact", contact_id, "--yes", "--json")
    assert (result.exit_code, result.json["contacts"]) == (0, 1), result.stderr
    assert {"contacts", "appointments", "contact_custom_fields"} <= result.json["rows"].keys()
    everything = texts(kept)
    assert left(secrets, everything) == set()
    assert re.search("qxfirst[01]00", everything), "other contacts stay"
    assert not [each for each in secrets if each in result.stdout.lower()]

    assert_nothing_new(kept)
    assert kept.bookings("sync", "--full").exit_code == 0
    again_rejected = changes_of_last_run(kept).pop("contact_custom_fields", {})
    assert again_rejected.keys() <= {"rejected"}, "of others: nothing told whose the erased ones were"
    assert changes_of_last_run(kept).keys() <= {"contact_custom_fields"}
    assert kept.bookings("doctor").stdout == "The history is sound.\n"
    world, location_id = kept.world, kept.world.locations[0].id
    for row in world.data[location_id].by_start.all():  # every reply differs now, and shows the contact again
        row.title, row.head = "another title", None
    assert kept.bookings("sync").exit_code == 0
    assert kept.bookings("transform").exit_code == 0
    everything = texts(kept)
    assert left(secrets, everything) == set()
    again = kept.bookings("forget", "--contact", contact_id, "--json").json
    assert (again["outcome"], again["earlier"][0]["contacts"]) == ("nothing to erase", 1)


@pytest.mark.parametrize("how", ["--email", "--phone"])
def test_contacts_by_address(kept: Project, how: str) -> None:
    value = {"--email": "QXEMAIL1000QX@example.COM", "--phone": "+49 99 000 000"}[how]
    result = kept.bookings("forget", how, value, "--yes", "--json")
    assert (result.exit_code, result.json["contacts"]) == (0, 2 if how == "--email" else 1), result.stderr
    kinds = "email|first|last" if how == "--email" else "first|last"  # two contacts share an email address
    assert not re.search(rf"qx({kinds})[01]000qx|\+4999000000", texts(kept))
    assert_nothing_new(kept)
    assert kept.bookings("forget", how, value, "--yes", "--json").json["outcome"] == "nothing to erase"


def test_killed_at_any_moment(kept: Project, tmp_path: Path) -> None:
    """The same command finishes what a killed one began, and the history is sound."""
    contact_id, secrets = person(kept)
    command = ["forget", "--contact", contact_id, "--yes", "--json"]
    with FaultyProcess() as process:

        def run_in_a_copy(number: int) -> int:
            copy = tmp_path / f"killed at {number}"
            shutil.copytree(kept.folder, copy)
            ended = process.run(command, copy, pendulum.now("UTC"), Break("killed", number))
            if number:
                assert ended.exit_code == -signal.SIGKILL
                finished = process.run(command, copy, pendulum.now("UTC"))
                assert finished.exit_code == 0, finished.printed
                assert "sound" in process.run(["doctor"], copy, pendulum.now("UTC")).printed
            everything = texts(Project(copy, kept.server))
            assert left(secrets, everything) == set()
            shutil.rmtree(copy)
            return ended.calls

        calls = run_in_a_copy(0)
        assert calls > 50
        moments = 25 if os.environ.get("CHAOS") else 2
        for each in range(1, moments + 1):
            run_in_a_copy(each * calls // (moments + 1))


def test_nobody_is_named_or_the_wrong_one(kept: Project) -> None:
    unknown = kept.bookings("forget", "--email", "nobody@example.org", "--yes")
    assert unknown.exit_code == 1
    assert "nobody@" not in unknown.stderr
    assert kept.bookings("forget", "--email", "a@b", "--phone", "1").exit_code == 2
    assert kept.bookings("forget", "--email", "a@b", "--location", "nowhere").exit_code == 1
    assert kept.bookings("forget").stdout == "Nothing is left to erase.\n", "the rules keep everything"
