"""Contacts of an API that lists them on their own: the same rows as where appointments embed them, in few requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.v2 import contacts as v2_contacts
from bookings_sync.sandbox import SandboxServer, Switches, WorldSpec, generate, truth_v2
from bookings_sync.sync.pipeline import SyncResult

from .conftest import NOW, Site, small

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

    def run(self, **knobs: Any) -> tuple[SyncResult, Counter[str]]:
        """One sync, and its requests about contacts."""
        self.world.requests.reset()
        result = self.sync(**knobs)
        return result, Counter(each.endpoint for each in self.world.requests.records if "contacts" in each.endpoint)

    def differences(self, *_: str) -> list[str]:
        """The contacts that differ from the truth."""
        return [line for each in self.world.locations for line in self._differences(each.id)]

    def _differences(self, location_id: str) -> list[str]:
        truth = truth_v2(self.world, location_id)
        mentioned = {event["contactId"] for event in truth["events"] if event.get("contactId")}
        expected = {each["id"]: each for each in truth["contacts"] if each["id"] in mentioned}
        rows = {row["id"]: row for row in self.live("contacts", "location_id = ?", location_id)}
        fields: dict[str, dict[str, Any]] = {}
        for row in self.live("contact_custom_fields", "location_id = ?", location_id):
            fields.setdefault(row["contact_id"], {})[row["custom_field_id"]] = row["value"]
        found = [f"contacts: {each} is missing" for each in expected.keys() - rows.keys()]
        found += [f"contacts: {each} is not mentioned" for each in rows.keys() - mentioned]
        for contact_id, contact in expected.items():
            row = rows.get(contact_id)
            if row is None:
                continue
            for column, name in (("first_name", "firstName"), ("email", "email"), ("phone", "phone")):
                if row[column] != contact.get(name):
                    found.append(f"contacts: {contact_id}.{column} is {row[column]!r}, not {contact.get(name)!r}")
            customs = {each["id"] for each in contact["customFields"] or [] if isinstance(each, dict)}
            if fields.get(contact_id, {}).keys() != customs:
                found.append(f"contact_custom_fields: {contact_id} has {fields.get(contact_id)}")
        return found


@pytest.fixture
def own(warehouse_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., OwnSite]]:
    """Serves a world with few contacts per page: `own(small(), cold_reread_days=10)`."""
    monkeypatch.setattr(v2_contacts, "_PER_PAGE", PAGE)
    servers: list[SandboxServer] = []

    def serve(spec: WorldSpec | None = None, *, switches: Switches | None = None, **knobs: Any) -> OwnSite:
        server = SandboxServer(generate(spec or small()), switches=switches)
        servers.append(server)
        server.__enter__()
        quick = {"lookback_days": 250, "horizon_days": 120, "slots": False, "history_start": NOW.date()}
        return OwnSite(server.world, server, warehouse_file, quick | knobs)

    yield serve
    for server in servers:
        server.__exit__(None, None, None)


def pages(site: OwnSite) -> int:
    """The pages of the location's whole list."""
    return -(-len(site.world.data[site.location_id].contacts) // PAGE)


def later(site: OwnSite, **delta: float) -> None:
    site.world.now_ms += int(timedelta(**delta).total_seconds() * 1000)


def unmentioned(site: OwnSite, count: int) -> None:
    """Adds contacts that no appointment mentions."""
    for number in range(count):
        site.world.add_contact(site.location_id, {"firstName": f"Nobody {number}"})


def test_a_first_sync_stores_the_mentioned_contacts_only(own: Callable[..., OwnSite]) -> None:
    site = own()
    unmentioned(site, 30)
    result, requests = site.run()
    assert (result.outcome, result.row["errors"]) == ("ok", "[]")
    assert site.live("contacts")
    assert site.differences() == []
    assert requests[SEARCH] <= pages(site) + 1
    assert requests[BY_ID] <= pages(site)


def test_a_run_without_news_asks_for_no_contact(own: Callable[..., OwnSite]) -> None:
    site = own()
    site.run()
    for _ in range(3):
        later(site, hours=1)
        result, requests = site.run()
        assert result.outcome == "ok"
        assert not requests


def test_a_new_contact_is_asked_for_by_its_id(own: Callable[..., OwnSite]) -> None:
    site = own()
    site.run()
    later(site, hours=1)
    service = next(iter(site.world.data[site.location_id].services))
    site.world.book(site.location_id, service, NOW + timedelta(days=3, hours=5), contact={"firstName": "Ann"})
    _, requests = site.run()
    assert requests == {BY_ID: 1}
    assert site.differences() == []
