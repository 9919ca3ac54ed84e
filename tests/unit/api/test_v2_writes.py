"""Typed changes through v2: events on the sandbox, and calendars, groups and contacts on a fake."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pendulum
import pytest

from bookings_sync.api import (
    BlockOffRequest,
    BookingRequest,
    Client,
    Opening,
    Schedule,
    ServiceMember,
    ServiceRequest,
    TeamRequest,
    Writer,
)
from bookings_sync.config.settings import Location, Settings
from bookings_sync.errors import MissingScope, OtherReply, RequestRefused, ServerFailed, Unsupported
from bookings_sync.planning.windows import Window
from bookings_sync.sandbox import ALL_SCOPES, SandboxServer, Switches, WorldSpec, generate
from support.fake_api import Asked, Replied
from support.fake_v2 import LOCATION_ID, READ_SCOPES, FakeV2, as_json, event

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
AHEAD = Window.between(pendulum.instance(NOW), pendulum.instance(NOW).add(days=20))
TEAM = TeamRequest("Support", (), "Support", "We help", "support")
MORNING = Opening(8, 0, 9, 0)
SERVICE = ServiceRequest(
    team_id="G1",
    name="Call",
    description="A call",
    team_members=(ServiceMember("U1", "High", "By phone"), ServiceMember("U2", "Low")),
    slug="call",
    appointment_title="A call with us",
    event_color="Peacock",
    slot_duration=30,
    slot_interval=60,
    slot_buffer=5,
    office_hours={
        "sunday": (Opening(9, 0, 12, 0), Opening(13, 0, 15, 30)),
        "monday": (Opening(8, 0, 9, 0),),
        "friday": (),
    },
    auto_confirm=False,
    should_send_alert_emails_to_assigned_member=True,
    google_invitation_emails=False,
    allow_reschedule=True,
    allow_cancellation=False,
    form_submission_type="RedirectURL",
    form_submission_content="https://example.org/thanks",
    schedule=Schedule(1, "hours", 2, "weeks"),
    per_slot=2,
)

# -- events, on the sandbox --------------------------------------------------------------------------------------------


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    world = generate(WorldSpec(now=NOW, seed=5, locations=1, appointments=100, past_days=20, future_days=20))
    with SandboxServer(world, quota=None) as server:
        yield server


@pytest.fixture
def client(sandbox: SandboxServer) -> Iterator[Client]:
    here = sandbox.world.locations[0]
    location = Location(here.name, here.pit, location_id=here.id)
    settings = Settings(v2_base_url=sandbox.base_url_v2, locations={here.name: location}, attempts=2)
    with Client(location, settings, clock=lambda: pendulum.instance(NOW)) as writing:
        yield writing


def free(client: Client, service_id: str) -> list[pendulum.DateTime]:
    days = client.list_slots(service_id, AHEAD).records or {}
    return [pendulum.parse(start) for starts in days.values() for start in starts]  # type: ignore[misc]


def open_service(client: Client) -> str:
    ids = [each["id"] for each in client.list_services().records or ()]
    return next(each for each in ids if len(free(client, each)) > 5)


def contact_of(client: Client) -> str:
    assert client.contacts is not None
    page = client.contacts.list_contacts(None).records
    assert page is not None
    contact_id: str = page.records[0]["id"]
    return contact_id


def lasts(record: dict[str, Any]) -> float:
    """The duration of an appointment in seconds."""
    end, start = (datetime.fromisoformat(record[name]) for name in ("endTime", "startTime"))
    return (end - start).total_seconds()


def test_an_appointment_is_booked_moved_marked_and_deleted(client: Client) -> None:
    writer, service_id, contact_id = Writer(client), open_service(client), contact_of(client)
    first, second = free(client, service_id)[0], free(client, service_id)[2]
    booked = writer.book(
        BookingRequest(service_id, first, "Asia/Tokyo", contact_id=contact_id, fields={"title": "Chat"})
    )
    assert booked.contact_id == contact_id
    (record,) = client.get_appointment(booked.id).records or ()
    assert (pendulum.parse(record["startTime"]), record["title"]) == (first, "Chat")
    length = lasts(record)

    assert writer.reschedule(booked.id, second, "Asia/Tokyo").id == booked.id
    (record,) = client.get_appointment(booked.id).records or ()
    assert pendulum.parse(record["startTime"]) == second
    assert lasts(record) == length

    writer.set_status(booked.id, "showed")
    (record,) = client.get_appointment(booked.id).records or ()
    assert record["appointmentStatus"] == "showed"

    writer.delete_appointment(booked.id)
    assert client.get_appointment(booked.id).records == []


def test_time_is_blocked_off_for_a_calendar_or_a_user_and_moved(client: Client) -> None:
    writer, service_id = Writer(client), open_service(client)
    start = free(client, service_id)[0]
    user_id = next(each["teamMembers"][0]["userId"] for each in client.list_services().records or ())
    wanted = BlockOffRequest(service_id, start, start.add(minutes=30))
    for time in (wanted, replace(wanted, calendar_id=None, user_id=user_id)):
        blocked = writer.block_off(time)
        later = replace(time, end_at=start.add(minutes=90))
        assert writer.move_block_off(blocked.id, later).id == blocked.id
        writer.delete_appointment(blocked.id)
    assert client.requests_sent > 0


def test_a_change_that_the_api_ignores_is_an_error(sandbox: SandboxServer, client: Client) -> None:
    """The API answers such a PUT with 200. The version that this program names is the one that is ignored here."""
    writer, service_id, contact_id = Writer(client), open_service(client), contact_of(client)
    first, second = free(client, service_id)[0], free(client, service_id)[2]
    booked = writer.book(BookingRequest(service_id, first, "UTC", contact_id=contact_id))
    sandbox.world.switches = replace(Switches(), ignored_put_version="2023-02-21")  # type: ignore[arg-type]
    with pytest.raises(OtherReply, match="did not take the status"):
        writer.set_status(booked.id, "cancelled")
    with pytest.raises(OtherReply, match="did not take the time"):
        writer.reschedule(booked.id, second, "UTC")


def test_a_token_that_only_reads_names_the_scope_that_writes(sandbox: SandboxServer, client: Client) -> None:
    writer, service_id, contact_id = Writer(client), open_service(client), contact_of(client)
    start = free(client, service_id)[0]
    sandbox.world.set_scopes(sandbox.world.locations[0].id, ALL_SCOPES - {"calendars/events.write"})
    with pytest.raises(MissingScope, match=r"calendars/events\.write"):
        writer.book(BookingRequest(service_id, start, "UTC", contact_id=contact_id))


def test_a_taken_slot_is_refused(client: Client) -> None:
    writer, service_id, contact_id = Writer(client), open_service(client), contact_of(client)
    with pytest.raises(RequestRefused):
        writer.book(BookingRequest(service_id, pendulum.datetime(2026, 11, 7, 3), "UTC", contact_id=contact_id))


# -- contacts, calendars and groups, on a fake -------------------------------------------------------------------------


@pytest.fixture
def api() -> Iterator[FakeV2]:
    with FakeV2() as serving:
        serving.scopes = READ_SCOPES | {each.replace(".readonly", ".write") for each in READ_SCOPES}
        yield serving


def writer_of(api: FakeV2, **knobs: Any) -> Writer:
    settings = api.settings(**knobs)
    return Writer(Client(settings.locations["berlin"], settings, clock=lambda: pendulum.instance(NOW)))


def echo(name: str, record_id: str) -> Callable[[Asked], Replied]:
    """Answers with the body that was sent, and an id, under a name."""
    return lambda asked: as_json({name: {**json.loads(asked.body), "id": record_id}})


def sent(api: FakeV2) -> list[tuple[str, str, Any]]:
    return [(each.method, each.path, json.loads(each.body) if each.body else None) for each in api.api.requests]


def test_a_contact_is_found_or_created_before_the_booking(api: FakeV2) -> None:
    api.answers["POST", "/contacts/upsert"] = echo("contact", "K9")
    api.answers["POST", "/calendars/events/appointments"] = echo("event", "e9")
    start = pendulum.datetime(2026, 11, 3, 9)
    fields = {"firstName": "Jo", "notes": "By the window"}
    wanted = BookingRequest("C1", start, "Europe/Berlin", "jo@example.org", fields=fields, end_at=start.add(minutes=45))
    booked = writer_of(api).book(wanted)
    assert (booked.id, booked.contact_id, (booked.contact or {})["firstName"]) == ("e9", "K9", "Jo")
    assert sent(api) == [
        ("POST", "/contacts/upsert", {"locationId": LOCATION_ID, "email": "jo@example.org", "firstName": "Jo"}),
        (
            "POST",
            "/calendars/events/appointments",
            {
                "locationId": LOCATION_ID,
                "calendarId": "C1",
                "contactId": "K9",
                "startTime": "2026-11-03T10:00:00+01:00",
                "endTime": "2026-11-03T10:45:00+01:00",
                "notes": "By the window",
            },
        ),
    ]


@pytest.mark.parametrize("path", ["/contacts/upsert", "/calendars/events/appointments"])
def test_no_post_is_sent_twice(api: FakeV2, path: str) -> None:
    api.answers["POST", "/contacts/upsert"] = echo("contact", "K9")
    api.answers["POST", path] = lambda _: as_json({"message": "down"}, 500)
    with pytest.raises(ServerFailed):
        writer_of(api, attempts=3).book(BookingRequest("C1", pendulum.instance(NOW), "UTC", "jo@example.org"))
    assert len(api.asked("POST", path)) == 1


def test_a_calendar_is_created_updated_and_deleted(api: FakeV2) -> None:
    api.answers["POST", "/calendars/"] = echo("calendar", "C9")
    api.answers["PUT", "/calendars/C9"] = echo("calendar", "C9")
    api.answers["DELETE", "/calendars/C9"] = lambda _: as_json({"success": True})
    writer = writer_of(api)
    created = writer.create_service(SERVICE)
    assert writer.update_service("C9", replace(SERVICE, name="Second call")).record["name"] == "Second call"
    writer.delete_service("C9")

    (_, _, body), (_, _, update), _ = sent(api)
    assert (body["locationId"], "locationId" in update) == (LOCATION_ID, False)
    assert [each["priority"] for each in body["teamMembers"]] == [1, 0]
    assert (body["slotDuration"], body["slotDurationUnit"], body["appoinmentPerSlot"]) == (30, "mins", 2)
    assert [each["daysOfTheWeek"] for each in body["openHours"]] == [[0], [1]]
    assert body["formSubmitRedirectURL"] == "https://example.org/thanks"
    # The record is the same as in the list of services.
    assert created.id == "C9"
    assert created.record["availability"]["eventTiming"] == {"slotDuration": 30, "slotInterval": 60, "slotBuffer": 5}
    assert len(created.record["availability"]["officeHours"]["sunday"]) == 2
    assert created.record["confirmation"]["formSubmission"]["content"] == "https://example.org/thanks"


@pytest.mark.parametrize("sunday", [0, 1, 6])
def test_opening_hours_are_written_as_they_are_read(api: FakeV2, sunday: int) -> None:
    api.answers["POST", "/calendars/"] = echo("calendar", "C9")
    hours = {day: (Opening(9, 0, 17, 0),) for day in ("saturday", "sunday", "monday")}
    saved = writer_of(api, v2_sunday=sunday).create_service(replace(SERVICE, office_hours=hours))  # type: ignore[arg-type]
    assert set(saved.record["availability"]["officeHours"]) == {"saturday", "sunday", "monday"}
    numbers = {each["daysOfTheWeek"][0] for each in sent(api)[0][2]["openHours"]}
    assert numbers == {0: {6, 0, 1}, 1: {7, 1, 2}, 6: {5, 6, 0}}[sunday]


def test_a_group_is_created_updated_and_deleted(api: FakeV2) -> None:
    api.answers["POST", "/calendars/groups"] = echo("group", "G9")
    api.answers["PUT", "/calendars/groups/G9"] = echo("group", "G9")
    api.answers["DELETE", "/calendars/groups/G9"] = lambda _: as_json({"success": True})
    writer = writer_of(api)
    created = writer.create_team(TEAM)
    assert (created.id, created.record["name"], created.record["calendarConfig"]["slug"]) == (
        "G9",
        "Support",
        "support",
    )
    writer.update_team("G9", TEAM)
    writer.delete_team("G9")
    plain = {"name": "Support", "description": "We help", "slug": "support"}
    assert [each[2] for each in sent(api)] == [{"locationId": LOCATION_ID, **plain}, plain, None]


def test_a_deletion_that_was_not_made_is_an_error(api: FakeV2) -> None:
    api.answers["DELETE", "/calendars/events/e1"] = lambda _: as_json({"succeeded": False}, 201)
    with pytest.raises(OtherReply, match="did not delete"):
        writer_of(api).delete_appointment("e1")


def test_an_echo_of_the_status_is_no_proof(api: FakeV2) -> None:
    """The reply to the PUT shows the new status, and the event still has the old one."""
    api.events = [event("e1")]
    api.answers["PUT", "/calendars/events/appointments/e1"] = echo("event", "e1")
    with pytest.raises(OtherReply, match="did not take the status"):
        writer_of(api).set_status("e1", "noshow")
    (put,) = api.asked("PUT", "/calendars/events/appointments/e1")
    assert {name.lower(): value for name, value in put.headers.items()}["version"] == "2023-02-21"


START = pendulum.datetime(2026, 11, 3, 9)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda w: w.create_team(replace(TEAM, user_ids=("U1",))), "user_ids"),
        (lambda w: w.create_team(replace(TEAM, calendar_name="Other")), "calendar_name"),
        (lambda w: w.update_team("G1", replace(TEAM, should_assign_contact_to_team_member=False)), "should_"),
        (lambda w: w.create_service(replace(SERVICE, sync_option="oneway")), "sync_option"),
        (lambda w: w.book(BookingRequest("C1", START, "UTC")), "contact_id, email or phone"),
        (lambda w: w.book(BookingRequest("C1", START, "UTC", "a@b.org", contact_id="K1")), "email"),
        (lambda w: w.block_off(BlockOffRequest("C1", START, START.add(hours=1), user_id="U1")), "one of them"),
        (lambda w: w.block_off(BlockOffRequest(None, START, START.add(hours=1))), "one of them"),
    ],
)
def test_what_v2_cannot_do_is_said_before_anything_is_sent(
    api: FakeV2, change: Callable[[Writer], object], says: str
) -> None:
    with pytest.raises(Unsupported, match="API v2 cannot") as caught:
        change(writer_of(api))
    assert says in str(caught.value)
    assert "a@b.org" not in str(caught.value)
    assert sent(api) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda w: w.book(BookingRequest("s1", START, "UTC", contact_id="K1")),
        lambda w: w.book(BookingRequest("s1", START, "UTC", "a@b.org", end_at=START.add(hours=1))),
        lambda w: w.block_off(BlockOffRequest(None, START, START.add(hours=1), user_id="U1")),
        lambda w: w.move_block_off("b1", BlockOffRequest("s1", START, START.add(hours=1))),
    ],
)
def test_what_v1_cannot_do_is_said_before_anything_is_sent(api: FakeV2, change: Callable[[Writer], object]) -> None:
    settings = Settings(base_url=api.api.base_url, locations={"berlin": Location("berlin", "a-key")})
    client = Client(settings.locations["berlin"], settings, clock=lambda: pendulum.instance(NOW))
    with client, pytest.raises(Unsupported, match="API v1 cannot"):
        change(Writer(client))
    assert sent(api) == []
