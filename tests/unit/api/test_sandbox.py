"""The client against the sandbox, with both HTTP transports: all endpoints, all faults, and the rate limit.

The sandbox shares no code with the client, so a misunderstanding of the API in one of them makes a test fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import pendulum
import pytest

from bookings_sync import errors
from bookings_sync.api import (
    BlockOffRequest,
    BookingRequest,
    Client,
    Opening,
    Schedule,
    Scope,
    ServiceMember,
    ServiceRequest,
    TeamRequest,
    Writer,
)
from bookings_sync.config.settings import HttpTransport, Location, Settings, location_id_from_key
from bookings_sync.dialects.writes import Weekday
from bookings_sync.planning.windows import Window
from bookings_sync.sandbox import (
    BrokenKind,
    Fault,
    FaultKind,
    Faults,
    Quota,
    SandboxServer,
    Switches,
    World,
    WorldSpec,
    generate,
)

NOW = pendulum.datetime(2026, 3, 2, 9)
HISTORY = Window.between(NOW.subtract(days=500), NOW.add(days=500))
AHEAD = Window.between(NOW, NOW.add(days=20))


def listed(client: Client, scope: Scope) -> list[Any]:
    listing = client.list_appointments(scope, HISTORY).records
    return listing.records if listing else []


class Running:
    """A running sandbox, its first location, and clients for that location."""

    def __init__(self, server: SandboxServer, http_transport: HttpTransport) -> None:
        self.server = server
        self.http_transport = http_transport
        self.world: World = server.world
        self.location = next(iter(self.world.locations))
        self.truth = self.world.truth(self.location.id)
        self._clients: list[Client] = []

    def client(self, key: str | None = None, **knobs: Any) -> Client:
        knobs = {"rate_limit": 10_000, "http_transport": self.http_transport, **knobs}
        settings = Settings(base_url=self.server.base_url, **knobs)
        client = Client(Location("first", key or self.location.key), settings, clock=lambda: pendulum.now("UTC"))
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def serve(http_transport: HttpTransport) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(switches: Switches | None = None, **options: Any) -> Running:
        world = generate(
            WorldSpec(now=datetime(2026, 3, 2, 9, tzinfo=UTC), locations=1, appointments=300, opaque_key_share=0)
        )
        server = SandboxServer(world, switches=switches, **options)
        server.__enter__()
        started.append(Running(server, http_transport))
        return started[-1]

    yield start
    for running in started:
        running.close()
        running.server.__exit__(None, None, None)


Serve = Callable[..., Running]


def by_id(records: Any) -> dict[str, Any]:
    return {record["id"]: record for record in records}


def test_every_read_method(serve: Serve) -> None:
    running = serve()
    client, truth = running.client(), running.truth
    assert location_id_from_key(running.location.key) == running.location.id
    assert client.list_teams().records == truth["teams"]
    services = client.list_services().records
    assert services == truth["services"]

    assert services is not None
    found: dict[str, Any] = {}
    for service in services:
        found |= by_id(listed(client, Scope("service", service["id"])))
    assert found == by_id(truth["appointments"])
    team_id = truth["teams"][0]["id"]
    by_team = listed(client, Scope("team", team_id))
    assert by_team == [each for each in by_team if each["calendarProviderId"] == team_id] != []
    user_id = next(each["userId"] for each in truth["appointments"] if each["userId"])
    assert listed(client, Scope("user", user_id))

    one = truth["appointments"][0]
    assert client.get_appointment(one["id"]).records == [one]
    slots = client.list_slots(services[0]["id"], AHEAD, "Asia/Calcutta").records
    assert slots
    assert all(pendulum.parse(start).to_date_string() == day for day, starts in slots.items() for start in starts)
    assert client.check_slug("nobody-has-this").records == {"slug": "nobody-has-this", "isSlugAvailable": True}


@pytest.mark.parametrize("unknown", ["400", "404", "422", "empty"])
def test_unknown_appointment_in_each_form(serve: Serve, unknown: Any) -> None:
    running = serve(Switches(unknown_id=unknown))
    assert running.client().get_appointment("nobody-has-this").records == []


def test_refused_key(serve: Serve) -> None:
    with pytest.raises(errors.AuthenticationFailed) as caught:
        serve().client(key="a-fake-key").list_teams()
    assert caught.value.status == 401


def test_refused_window_names_its_field(serve: Serve) -> None:
    running = serve()
    window = Window.between(NOW, NOW.add(days=60))
    with pytest.raises(errors.RequestRefused) as caught:
        running.client().list_slots(running.truth["services"][0]["id"], window)
    assert (caught.value.status, caught.value.fields, caught.value.window) == (422, ("endDate",), window)


def team_of(running: Running) -> TeamRequest:
    members = next(team["members"] for team in running.truth["teams"] if team.get("members"))
    return TeamRequest("Sales", (members[0]["id"],), "Sales calls", "Talk to us", "sales-calls", False, True)


def service_of(team_id: str, user_id: str) -> ServiceRequest:
    hours = {day: (Opening(9, 0, 12, 0), Opening(13, 0, 17, 0)) for day in get_args(Weekday)}
    return ServiceRequest(
        team_id=team_id,
        name="Call",
        description="A first call",
        team_members=(ServiceMember(user_id, "High", "by phone"),),
        slug="first-call",
        appointment_title="{{contact.name}}",
        event_color="Sage",
        slot_duration=30,
        slot_interval=60,
        office_hours=hours,
        auto_confirm=False,
        should_send_alert_emails_to_assigned_member=True,
        google_invitation_emails=True,
        allow_reschedule=False,
        allow_cancellation=False,
        form_submission_type="RedirectURL",
        form_submission_content="https://example.com/thanks",
        sync_option="twoway",
        slot_buffer=5,
        per_slot=2,
        per_day=10,
        schedule=Schedule(1, "hours", 2, "weeks"),
        custom_form_id="form",
        sticky_contact=True,
        alert_email="desk@example.com",
        notes="Bring nothing",
        facebook_pixel_id="pixel",
    )


def test_teams_and_services_are_created_updated_and_deleted(serve: Serve) -> None:
    running = serve()
    client = running.client()
    writer = Writer(client)
    request = team_of(running)
    team = writer.create_team(request)
    assert by_id(client.list_teams().records)[team.id] == team.record
    assert team.record["calendarConfig"]["shouldAssignContactToTeamMember"] is False
    assert client.check_slug("sales-calls").records == {"slug": "sales-calls", "isSlugAvailable": False}
    assert writer.update_team(team.id, replace(request, name="Support")).record["name"] == "Support"

    wanted = service_of(team.id, request.user_ids[0])
    service = writer.create_service(wanted)
    shown = by_id(client.list_services().records)[service.id]
    assert shown == service.record
    assert shown["availability"]["eventTiming"] == {"slotDuration": 30, "slotInterval": 60, "slotBuffer": 5}
    assert shown["availability"]["appointmentInfo"] == {"perSlot": 2, "perDay": 10}
    assert shown["availability"]["schedule"]["allowBookingForUnit"] == "Weeks"
    assert len(shown["availability"]["officeHours"]["sunday"]) == 2
    assert shown["confirmation"]["notificationAndOther"]["notes"] == "Bring nothing"
    assert shown["confirmation"]["notificationAndOther"]["hasAutoConfirm"] is False
    assert shown["confirmation"]["form"] == {"customFormId": "form", "stickyContact": True}
    assert writer.update_service(service.id, replace(wanted, name="Second call")).record["name"] == "Second call"

    with pytest.raises(errors.RequestRefused) as caught:
        writer.create_service(replace(wanted, name="", slug="another", notes=None))
    assert caught.value.fields == ("name",)

    writer.delete_service(service.id)
    writer.delete_team(team.id)
    assert service.id not in by_id(client.list_services().records)
    assert team.id not in by_id(client.list_teams().records)
    with pytest.raises(errors.RequestRefused) as caught:
        writer.delete_service(service.id)
    assert caught.value.fields == ("id",)


@pytest.mark.parametrize("done_body", ["empty", "OK"])
def test_appointment_is_booked_moved_marked_and_deleted(serve: Serve, done_body: Any) -> None:
    running = serve(Switches(done_body=done_body))
    client = running.client()
    writer = Writer(client)
    service_id, free = next(
        (service["id"], slots)
        for service in running.truth["services"]
        if len(slots := [at for day in (client.list_slots(service["id"], AHEAD).records or {}).values() for at in day])
        > 5
    )
    first, second, third = (pendulum.parse(free[number]) for number in (0, 2, 4))

    booked = writer.book(BookingRequest(service_id, first, "US/Central", "jo@example.com", fields={"firstName": "Jo"}))
    (record,) = client.get_appointment(booked.id).records or ()
    assert (record["contactId"], record["contact"]["firstName"]) == (booked.contact_id, "Jo")
    assert pendulum.parse(record["startTime"]) == first

    assert writer.reschedule(booked.id, second, "Asia/Calcutta").id == booked.id
    (record,) = client.get_appointment(booked.id).records or ()
    assert (pendulum.parse(record["startTime"]), record["selectedTimezone"]) == (second, "Asia/Calcutta")

    writer.set_status(booked.id, "showed")
    (record,) = client.get_appointment(booked.id).records or ()
    assert "showed" in (record.get("appoinmentStatus"), record.get("appointmentStatus"))

    blocked = writer.block_off(BlockOffRequest(service_id, third, third.add(minutes=30)))
    assert (blocked.contact_id, blocked.contact) == (None, None)

    with pytest.raises(errors.RequestRefused) as caught:
        writer.book(BookingRequest(service_id, first, "UTC"))
    assert caught.value.fields == ("email or phone",)

    writer.delete_appointment(booked.id)
    assert client.get_appointment(booked.id).records == []


@pytest.mark.parametrize("kind", [kind for kind in get_args(BrokenKind) if kind != "slow"])
def test_client_recovers_from_each_fault(serve: Serve, kind: FaultKind) -> None:
    times = 1 if "_" in kind else 2  # each Retry-After costs the test a second
    running = serve(faults=Faults([Fault(kind=kind, endpoints=("GET /calendars/teams",), times=times, seconds=1)]))
    client = running.client(rate_period_seconds=0.2)
    reply = client.list_teams()
    assert (reply.records, reply.requests, client.requests_sent) == (running.truth["teams"], times + 1, times + 1)


def test_slow_reply_is_retried(serve: Serve) -> None:
    running = serve(faults=Faults([Fault(kind="slow", times=1, seconds=3)]))
    reply = running.client(read_timeout_seconds=0.3).list_teams()
    assert (reply.records, reply.requests) == (running.truth["teams"], 2)


def test_the_server_never_sees_more_than_the_limit(serve: Serve) -> None:
    running = serve(quota=Quota(requests=20, seconds=0.5), latency_ms=20)
    client = running.client(rate_limit=20, rate_period_seconds=0.5)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: client.list_teams(), range(80)))
    assert (running.server.rate_limited, client.requests_sent) == (0, 80)
