"""Contacts of an API that lists them on their own: the same rows as where appointments embed them, in few requests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pendulum
import pytest

from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.v2 import contacts as v2_contacts
from bookings_sync.records.privacy import Privacy
from bookings_sync.sandbox import ALL_SCOPES, Fault, Faults, SandboxServer, Switches, WorldSpec, generate, truth_v2
from bookings_sync.sandbox.v2 import people
from bookings_sync.sync import contact_reads, pipeline
from bookings_sync.sync.pipeline import SyncResult, plan_run
from bookings_sync.sync.source import bookings_source
from bookings_sync.warehouse.dataset import open_client, open_pipeline
from bookings_sync.warehouse.erasure import Erasure
from support.truth import differences

from .conftest import NOW, Site, Torn, small

PAGE = 10
"""Contacts per page in these tests."""

SEARCH, BY_ID = "POST /contacts/search", "GET /contacts/:id"


class OwnSite(Site):
    """A site whose locations have tokens of v2."""

    @property
    def settings(self) -> Settings:
        locations = {
            each.name: Location(each.name, each.pit, location_id=each.id, timezone=each.timezone)
            for each in self.world.locations
        }
        plain: dict[str, Any] = {"v2_base_url": self.server.base_url_v2, "rate_limit": 100_000, "locations": locations}
        return Settings(**plain | self.knobs)

    @property
    def contacts(self) -> dict[str, Any]:
        """The world's contacts, by id."""
        return self.world.data[self.location_id].contacts

    @property
    def pages(self) -> int:
        """The pages of the location's whole list."""
        return -(-len(self.contacts) // PAGE)

    def run(self, **knobs: Any) -> tuple[SyncResult, Counter[str]]:
        """One sync, and its requests about contacts."""
        self.world.requests.reset()
        result = self.sync(**knobs)
        return result, self.asked()

    def asked(self) -> Counter[str]:
        """The requests about contacts since they were last counted from zero."""
        return Counter(each.endpoint for each in self.world.requests.records if "contacts" in each.endpoint)

    def differences(self, *location_ids: str) -> list[str]:
        """How contacts differ from the truth. Contacts that no appointment mentions must not be stored."""
        chosen = location_ids or [each.id for each in self.world.locations]
        truths = [truth_v2(self.world, each) for each in chosen]
        tables = ("contacts", "contact_custom_fields")
        found = [line for line in differences(str(self.database), truths) if line.startswith(tables)]
        mentions = "SELECT location_id, contact_id FROM appointments"
        stray = self.query(f"SELECT id FROM contacts WHERE (location_id, id) NOT IN ({mentions})")
        return found + [f"contacts: {row['id']} is not mentioned" for row in stray]

    def later(self, **delta: float) -> None:
        self.world.now_ms += int(timedelta(**delta).total_seconds() * 1000)

    def book(self, contact: Any, day: int = 3) -> str:
        """Books an appointment, and returns its contact's id."""
        service = next(iter(self.world.data[self.location_id].services))
        at = NOW.replace(hour=3) + timedelta(days=day)
        row = self.world.book(self.location_id, service, at, contact=contact)
        assert row.contact
        return row.contact.id

    def add_unmentioned(self, count: int, **fields: Any) -> None:
        """Adds contacts that no appointment mentions."""
        for number in range(count):
            self.world.add_contact(self.location_id, {"firstName": f"Nobody {number}", **fields})

    def forget(self, contact_id: str) -> None:
        """What `bookings forget --contact` does to the raw tables."""
        with open_pipeline(self.settings) as opened, open_client(opened, self.settings) as client:
            erasure = Erasure(client, Privacy.of(self.settings), pendulum.instance(self.world.now))
            found = erasure.contacts("contact", contact_id, [self.location_id])
            erasure.of_contacts(found, [(self.location_id, "contact", contact_id)], apply=True)


@pytest.fixture
def own(warehouse_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., OwnSite]]:
    """Serves a world with few contacts per page: `own(small(), cold_reread_days=10)`."""
    monkeypatch.setattr(v2_contacts, "_PER_PAGE", PAGE)
    with ExitStack() as stack:

        def serve(spec: WorldSpec | None = None, *, switches: Switches | None = None, **knobs: Any) -> OwnSite:
            server = stack.enter_context(SandboxServer(generate(spec or small()), switches=switches))
            quick = {"lookback_days": 250, "horizon_days": 120, "slots": False, "history_start": NOW.date()}
            return OwnSite(server.world, server, warehouse_file, quick | knobs)

        yield serve


def counted(site: OwnSite, table: str) -> list[dict[str, int]]:
    """What each run has counted in a table."""
    rows = site.query("SELECT tables FROM runs ORDER BY started_at")
    return [json.loads(row["tables"]).get(table, {}) for row in rows]


# -- which contacts, in which requests ---------------------------------------------------------------------------------


def test_a_first_sync_stores_the_mentioned_contacts_only(own: Callable[..., OwnSite]) -> None:
    site = own()
    site.add_unmentioned(30)
    result, requests = site.run()
    assert (result.outcome, result.row["errors"]) == ("ok", "[]")
    assert len(site.live("contacts")) > 50
    assert site.differences() == []
    assert requests.total() <= site.pages + 1


def test_a_first_sync_ends_its_search_when_nothing_is_lacking(own: Callable[..., OwnSite]) -> None:
    site = own()
    needed = site.pages
    site.add_unmentioned(300, dateAdded="2001-01-01T00:00:00.000Z")
    _, requests = site.run()
    assert site.differences() == []
    assert requests[SEARCH] <= needed
    assert requests.total() < site.pages


def test_few_contacts_of_many_are_asked_for_by_their_ids(own: Callable[..., OwnSite]) -> None:
    site = own(small(appointments=20))
    site.add_unmentioned(400)
    _, requests = site.run()
    assert site.differences() == []
    assert requests == {SEARCH: 1, BY_ID: len(site.live("contacts"))}


def test_a_run_without_news_asks_for_no_contact(own: Callable[..., OwnSite]) -> None:
    site = own()
    site.run()
    for _ in range(3):
        site.later(hours=1)
        result, requests = site.run()
        assert result.outcome == "ok"
        assert not requests


def test_a_new_contact_is_asked_for_by_its_id(own: Callable[..., OwnSite]) -> None:
    site = own()
    site.run()
    site.later(hours=1)
    site.book({"firstName": "Ann"})
    _, requests = site.run()
    assert requests == {BY_ID: 1}
    assert site.differences() == []


def test_contacts_are_not_read_without_include_contacts(own: Callable[..., OwnSite]) -> None:
    site = own(include_contacts=False)
    _, requests = site.run()
    assert not requests
    assert not site.live("contacts")
    assert len(site.live("appointments")) > 100


@pytest.mark.parametrize("reply", ["404", "empty", "object"])
def test_a_contact_that_the_api_does_not_know_is_no_error(own: Callable[..., OwnSite], reply: Any) -> None:
    site = own(switches=Switches(unknown_id=reply), cold_reread_days=10)
    site.run()
    gone = site.book({"firstName": "Ann"})
    site.world.delete_contact(site.location_id, gone)
    asked = []
    for hours in (1, 1, 1, 90, 1, 120, 1):
        site.later(hours=hours)
        result, requests = site.run()
        assert (result.outcome, result.row["errors"]) == ("ok", "[]")
        asked.append(requests[BY_ID])
    assert asked[:3] == [1, 1, 0]
    assert sum(asked) == 3
    [row] = site.query("SELECT id, scope, answer FROM look_ups")
    assert row == {"id": gone, "scope": "contact", "answer": "refused"}


# -- held contacts are read again --------------------------------------------------------------------------------------


def test_each_contact_is_read_again_within_cold_reread_days(own: Callable[..., OwnSite]) -> None:
    site = own(cold_reread_days=2)
    site.run()
    for round_ in range(2):
        for contact_id in site.contacts:
            site.world.update_contact(site.location_id, contact_id, {"firstName": f"Round {round_}"})
        requests: list[int] = []
        for _ in range(8):
            site.later(hours=6)
            result, asked = site.run()
            assert result.outcome == "ok"
            requests.append(asked.total())
        assert site.differences() == []
        assert max(requests) <= site.pages // 4
        assert sum(requests) <= site.pages * 1.4


def test_few_held_contacts_are_read_again_one_by_one(own: Callable[..., OwnSite]) -> None:
    site = own(small(appointments=20), cold_reread_days=2)
    site.add_unmentioned(400)
    site.run()
    held = len(site.live("contacts"))
    requests: Counter[str] = Counter()
    for contact_id in site.contacts:
        site.world.update_contact(site.location_id, contact_id, {"firstName": "New"})
    for _ in range(6):
        site.later(hours=16)
        requests += site.run()[1]
    assert site.differences() == []
    assert requests[SEARCH] <= 3
    assert held <= requests[BY_ID] <= 3 * held


def test_changed_contacts_are_seen_in_the_next_run_with_the_filter(own: Callable[..., OwnSite]) -> None:
    site = own(contacts_changed_filter=True)
    site.run()
    site.later(hours=3)
    assert site.run()[1] == {SEARCH: 1}
    site.later(hours=3)
    changed = list(site.contacts)[-1]
    site.world.update_contact(site.location_id, changed, {"firstName": "New"})
    result, requests = site.run()
    assert site.differences() == []
    assert requests == {SEARCH: 1}
    assert not result.warnings


def test_a_filter_that_the_api_ignores_costs_one_request(own: Callable[..., OwnSite]) -> None:
    site = own(switches=Switches(contacts_updated_filter="ignored"), contacts_changed_filter=True)
    site.run()
    site.later(hours=3)
    result, requests = site.run()
    assert requests == {SEARCH: 1}
    assert any("contacts_changed_filter" in each for each in result.warnings)


def test_changes_are_versions_and_contacts_stay(own: Callable[..., OwnSite]) -> None:
    site = own(cold_reread_days=1)
    site.run()
    changed, deleted = list(site.contacts)[:2]
    site.world.update_contact(site.location_id, changed, {"firstName": "New", "customField": []})
    site.world.delete_contact(site.location_id, deleted)
    for _ in range(5):
        site.later(hours=6)
        site.run()
    assert [row["first_name"] for row in site.versions("contacts", changed)][1:] == ["New"]
    assert len(site.versions("contacts", deleted)) == 1
    assert not site.live("contact_custom_fields", "contact_id = ?", changed)
    assert sum(each.get("changed", 0) for each in counted(site, "contacts")) == 1


# -- kills and budgets -------------------------------------------------------------------------------------------------


def test_a_kill_in_the_middle_of_a_search(own: Callable[..., OwnSite], monkeypatch: pytest.MonkeyPatch) -> None:
    site = own()
    monkeypatch.setattr(contact_reads, "_PAGES_PER_LOAD", 2)
    load_once, loads = pipeline._load_once, []

    def some_loads(*args: Any, **more: Any) -> None:
        loads.append(1)
        if len(loads) == 3:
            raise KeyboardInterrupt
        load_once(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_load_once", some_loads)
        with pytest.raises(KeyboardInterrupt):
            site.run()
    before = len(site.live("contacts"))
    assert 0 < before < 60
    site.later(minutes=5)
    _, requests = site.run()
    assert site.differences() == []
    assert requests.total() <= site.pages - 3


@pytest.mark.parametrize("table", ["contacts", "contact_custom_fields", "appointments", "reads"])
def test_a_load_torn_between_its_tables(own: Callable[..., OwnSite], torn: Torn, table: str) -> None:
    site = own(small(appointments=80))
    with torn(table):
        site.run()
    site.later(minutes=5)
    site.run()
    assert site.differences() == []
    for contact_id in list(site.contacts)[:5]:
        fields = [{"id": "new field", "value": "1"}]
        site.world.update_contact(site.location_id, contact_id, {"firstName": "New", "customField": fields})
    with torn(table):
        site.book({"firstName": "Ann", "customField": fields})
        site.run(full=True)
    site.later(minutes=5)
    site.run()
    assert [line for line in site.differences() if "New" not in line and "new field" not in line] == []
    site.later(days=40)
    site.run()
    assert site.differences() == []


def test_a_tiny_budget_reads_all_contacts_over_many_runs(own: Callable[..., OwnSite]) -> None:
    site = own(small(appointments=150), window_days=128, request_budget=24)
    said = set()
    for _ in range(20):
        site.later(minutes=5)
        result, _ = site.run()
        assert (result.outcome, result.row["errors"]) == ("ok", "[]")
        assert result.row["requests"] <= 24
        said.update(result.warnings)
        if not site.differences():
            break
    assert site.differences() == []
    assert len(site.live("contacts")) > 30
    assert any("contacts that appointments mention" in each for each in said)


# -- what the API may do -----------------------------------------------------------------------------------------------


def test_a_missing_scope_leaves_the_appointments(own: Callable[..., OwnSite]) -> None:
    site = own()
    site.world.set_scopes(site.location_id, ALL_SCOPES - {"contacts.readonly"})
    result, requests = site.run()
    assert result.outcome == "partial"
    assert "contacts.readonly" in result.row["errors"]
    assert requests.total() == 1
    assert len(site.live("appointments")) > 100
    site.world.set_scopes(site.location_id, ALL_SCOPES)
    site.later(minutes=5)
    result, _ = site.run()
    assert result.outcome == "ok"
    assert site.differences() == []


def test_a_search_that_ignores_its_cursor(own: Callable[..., OwnSite], monkeypatch: pytest.MonkeyPatch) -> None:
    site = own(cold_reread_days=1)
    monkeypatch.setattr(people, "_cursor", lambda _: None)
    result, requests = site.run()
    assert result.outcome == "ok"
    assert any("repeats its pages" in each for each in result.warnings)
    assert site.differences() == []
    assert requests[SEARCH] <= 3
    for contact_id in site.contacts:
        site.world.update_contact(site.location_id, contact_id, {"firstName": "New"})
    for _ in range(5):
        site.later(hours=6)
        assert site.run()[1][SEARCH] <= 2
    assert site.differences() == []


def test_pages_that_are_shorter_than_asked_for(own: Callable[..., OwnSite], monkeypatch: pytest.MonkeyPatch) -> None:
    site = own(cold_reread_days=1)
    shown = people._with_cursors
    monkeypatch.setattr(people, "_with_cursors", lambda world, page: shown(world, page[:4]))
    site.run()
    assert site.differences() == []
    for contact_id in site.contacts:
        site.world.update_contact(site.location_id, contact_id, {"firstName": "New"})
    for _ in range(5):
        site.later(hours=6)
        site.run()
    assert site.differences() == []


def test_contacts_of_another_location(own: Callable[..., OwnSite]) -> None:
    site = own(small(locations=2, appointments=60))
    site.server.faults = Faults([Fault(kind="other_tenant", endpoints=(SEARCH, BY_ID), location_id=site.location_id)])
    result, _ = site.run()
    assert result.outcome == "partial"
    assert "location id" in result.row["errors"]
    assert not site.live("contacts", "location_id = ?", site.location_id)
    site.server.faults = Faults()
    site.later(minutes=5)
    assert site.run()[0].outcome == "ok"
    assert site.differences() == []


def test_contacts_that_are_added_during_a_walk(own: Callable[..., OwnSite]) -> None:
    site = own(cold_reread_days=1)
    site.run()
    for number in range(6):
        site.later(hours=4)
        site.book({"firstName": f"Number {number}"}, day=number + 3)
        site.add_unmentioned(7)
        assert site.run()[0].outcome == "ok"
        assert site.differences() == []


# -- privacy -----------------------------------------------------------------------------------------------------------


def test_contacts_are_under_the_rules(own: Callable[..., OwnSite]) -> None:
    site = own(pii="hash", pii_key="a key of sixteen or more", ignored_fields=("contacts.country",))
    site.run()
    rows = site.live("contacts")
    assert len(rows) > 50
    assert all(row["email"] is None or row["email"].startswith("hmac:") for row in rows)
    assert all(row["country"] is None for row in rows)
    names = {name for each in site.contacts.values() if (name := each.body().get("lastName"))}
    assert not names & {row["last_name"] for row in rows}


def test_an_erased_contact_never_comes_back(own: Callable[..., OwnSite]) -> None:
    site = own(cold_reread_days=1)
    site.run()
    unknown = site.book({"firstName": "Ann"})
    site.world.delete_contact(site.location_id, unknown)
    site.later(hours=1)
    site.run()
    held = {row["id"] for row in site.live("contacts")}
    last_of_pages = people._contacts_in_order(site.world.data[site.location_id])[PAGE - 1 :: PAGE]
    erased = [each.id for each in last_of_pages if each.id in held]
    assert len(erased) > 2
    contact_ids = {*erased, unknown}
    emails = {site.contacts[each].body()["email"] for each in erased} - {None}
    for each in contact_ids:
        site.forget(each)
    for _ in range(5):
        site.later(hours=9)
        result, requests = site.run()
        assert not requests[BY_ID]
        assert result.outcome == "ok"
        with duckdb.connect(str(site.database), read_only=True) as connection:
            names = connection.sql("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'bookings_raw'")
            for (name,) in names.fetchall():
                texts = connection.sql(f"SELECT each::VARCHAR FROM bookings_raw.{name} AS each").fetchall()
                assert not any(secret in text for (text,) in texts for secret in contact_ids | emails), name


# -- a user's pipeline, the plan, a move -------------------------------------------------------------------------------


def test_a_pipeline_of_the_user(own: Callable[..., OwnSite], tmp_path: Path) -> None:
    site = own(small(appointments=80))
    mine = dlt.pipeline(
        "calendar",
        destination=dlt.destinations.duckdb(str(site.database)),
        dataset_name="bookings_raw",
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    for _ in range(2):
        mine.run(bookings_source(settings=site.settings, clock=site.clock)).raise_on_failed_jobs()
        assert site.differences() == []
        site.world.requests.reset()
        site.later(hours=1)
        site.book({"firstName": "Ann"}, day=int(site.world.now_ms // 3_600_000 % 20) + 3)
    assert [row["outcome"] for row in site.query("SELECT outcome FROM runs")] == ["ok", "ok"]


def test_the_plan_has_the_reads_of_contacts(own: Callable[..., OwnSite]) -> None:
    site = own(cold_reread_days=10, contacts_changed_filter=True)

    def planned() -> dict[str, int]:
        reads = plan_run(site.settings, clock=site.clock, asked=None, full=False).reads
        return {each.reason: each.requests for each in reads if each.endpoint == "contacts"}

    site.run()
    site.later(hours=1)
    assert planned() == {"list": 1}
    site.later(days=10)
    assert planned() == {"cold": site.pages, "list": 1}
    assert site.run()[1][SEARCH] >= site.pages + 1
    site.later(days=5)
    expected = planned()
    _, requests = site.run()
    assert requests == {SEARCH: sum(expected.values())}
    assert expected["cold"] > 3
    result, _ = site.run(include_contacts=False)
    assert result.outcome == "ok"


def test_a_move_changes_no_contact(own: Callable[..., OwnSite], monkeypatch: pytest.MonkeyPatch) -> None:
    site = own()
    before = Site(site.world, site.server, site.database, site.knobs)
    before.sync()
    held = {row["id"] for row in site.live("contacts")}
    site.later(hours=1)
    changed = min(held)
    site.world.update_contact(site.location_id, changed, {"firstName": "New"})

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(contact_reads, "_PAGES_PER_LOAD", 3)
    with monkeypatch.context() as patch:
        patch.setattr(contact_reads.ContactReads, "_end", killed)
        with pytest.raises(BaseException):  # noqa: B017, PT011 - dlt wraps it or not
            site.run()
    site.later(hours=1)
    _, requests = site.run()
    assert site.differences() == []
    assert requests.total() <= site.pages + 1
    assert {row["id"] for row in site.live("contacts")} == held
    contacts = counted(site, "contacts")[-1]
    assert (contacts["new"], contacts["changed"]) == (0, 1)
    assert counted(site, "contact_custom_fields")[-1].get("changed", 0) == 0
    site.later(hours=1)
    assert not site.run()[1]
