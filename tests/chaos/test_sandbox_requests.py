"""Wrong and arbitrary requests to the sandbox: each gets a reply in the API's form, and none breaks later replies.

The types of replies are written out here a second time, on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from bookings_sync.sandbox import SandboxServer, Switches, World, WorldSpec, generate
from bookings_sync.sandbox.app import ENDPOINTS
from bookings_sync.sandbox.slots import free_slots
from bookings_sync.sandbox.times import DAY_MS, local_iso

from .conftest import CHAOS_SEED, amount

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EXAMPLES = amount(10, 400)
STEP = amount(8, 1)
"""Every fourth of the values for each field, or all."""
CALLS = [(method, path) for path, (_, handlers) in ENDPOINTS.items() for method in handlers]
RULES = {"required", "requiredWithout", "invalid"}

HOURS = [{"openHour": 9, "openMinute": 0, "closeHour": 17, "closeMinute": 30}]
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/calendars/teams"): {
        "name": "Night",
        "userIds": ["$user"],
        "calendarConfig": {
            "calendarName": "Night",
            "description": "Late",
            "slug": "$fresh",
            "shouldAssignContactToTeamMember": True,
        },
    },
    ("POST", "/calendars/services"): {
        "teamId": "$team",
        "name": "Massage",
        "description": "An hour",
        "eventType": "RoundRobin_OptimizeForAvailability",
        "teamMembers": [{"userId": "$user", "priority": "High", "selected": True, "meetingLocation": ""}],
        "slug": "$fresh",
        "appointmentTitle": "{{contact.name}}",
        "eventColor": "Tomato",
        "isActive": True,
        "syncOption": "twoway",
        "availability": {
            "eventTiming": {"slotDuration": 60, "slotInterval": 30, "slotBuffer": 10},
            "appointmentInfo": {"perSlot": 2, "perDay": 9},
            "officeHours": dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), HOURS),
            "schedule": {
                "allowBookingAfter": 1,
                "allowBookingAfterUnit": "days",
                "allowBookingFor": 2,
                "allowBookingForUnit": "months",
            },
        },
        "confirmation": {
            "form": {"customFormId": "", "stickyContact": False},
            "notificationAndOther": {
                "autoConfirm": False,
                "shouldSendAlertEmailsToAssignedMember": True,
                "googleInvitationEmails": False,
                "allowReschedule": True,
                "allowCancellation": False,
                "alertEmail": "a@example.com",
            },
            "formSubmission": {"type": "RedirectURL", "content": "https://example.com/thanks"},
        },
    },
    ("POST", "/appointments"): {
        "calendarId": "$service",
        "userId": "$user",
        "selectedTimezone": "US/Central",
        "selectedSlot": "$slot",
        "email": "new.guest@example.com",
        "phone": "+15550001",
        "name": "New Guest",
        "title": "First visit",
        "tags": ["vip"],
        "customField": {"field-1": ["knee", "left"]},
    },
    ("PUT", "/appointments/{appointment_id}"): {"selectedTimezone": "US/Central", "selectedSlot": "$slot"},
    ("PUT", "/appointments/{appointment_id}/status"): {"status": "showed"},
}
BODIES["PUT", "/calendars/teams/{team_id}"] = BODIES["POST", "/calendars/teams"]
BODIES["PUT", "/calendars/services/{service_id}"] = BODIES["POST", "/calendars/services"]

NAMES = ("$service", "$team", "$user", "$appointment", "$contact", "$slot", "$later")
TIMES = ("0", "--1", "-1", "1", "1e3", "١", "999999999999999", "-999999999999999", "32503680000001", "$now", "$soon")
words = st.sampled_from([*NAMES, *TIMES, "true", "True", "night", "UTC", "Mars/Base", "America", "high"]) | st.text()
numbers = st.integers() | st.sampled_from([0, 1, 10, 30, 10.0, 30.0, 0.5, -1, 2**31, 2**63, 1e300])
scalars = st.none() | st.booleans() | numbers | words
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words | st.sampled_from(["id", "value"]), inner, max_size=3)
    ),
    max_leaves=6,
)

Path = tuple[str | int, ...]
WRONG: list[Any] = [[1], {"a": 1}, [None, None], [[]]]
"""Values of a type that no field has."""
ODD: list[Any] = [None, "", [], {}, True, False, 0, -1, 0.5, 30.0, 2**62, "\x00", "é" * 300, "$user"]
"""Values that some fields may have."""

MEANINGS = st.sampled_from(["service", "team", "either"])
EMPTY_DAYS = st.sampled_from(["missing", "empty"])


def places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Each value in a body, at any depth, with its path."""
    if path:
        yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from places(each, (*path, name))


def replaced(body: Any, path: Path, value: Any) -> Any:
    """The body with another value at the path."""
    if not path:
        return value
    name, *rest = path
    if isinstance(body, dict) and name in body:
        return body | {name: replaced(body[name], tuple(rest), value)}
    if isinstance(body, list) and isinstance(name, int):
        return [replaced(each, tuple(rest), value) if at == name else each for at, each in enumerate(body)]
    return body  # another value replaced this part before


@st.composite
def damaged(draw: st.DrawFn, body: dict[str, Any]) -> Any:
    """The body with some of its values replaced."""
    for path in draw(
        st.lists(st.sampled_from([path for path, _ in places(body)]), min_size=1, max_size=3, unique=True)
    ):
        body = replaced(body, path, draw(st.sampled_from(WRONG) | anything))
    return body


@st.composite
def requests(draw: st.DrawFn, method: str, path: str) -> dict[str, Any]:
    """A request, in which ids replace `$service` and other names."""
    template = BODIES.get((method, path), {})
    body = draw(damaged(template) | damaged(template) | anything if template else st.just(None) | anything)
    form = draw(st.booleans()) and isinstance(body, dict)
    names = ["startDate", "endDate", "calendarId", "userId", "teamId", "includeAll", "timezone"]
    query = draw(st.dictionaries(st.sampled_from(names) | st.text(max_size=3), words, max_size=4))
    if method == "GET" and draw(st.booleans()):
        query |= {"startDate": "$now", "endDate": "$soon", "calendarId": "$service"} | query
    return {
        "method": method,
        "path": [draw(words) if part.startswith("{") else part for part in path.split("/")],
        "query": query,
        "body": body,
        "form": form,
    }


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    spec = WorldSpec(
        now=NOW, seed=3, locations=2, services_per_location=2, appointments=30, past_days=20, future_days=10
    )
    with SandboxServer(generate(spec)) as serving:
        yield serving


@pytest.mark.parametrize(("method", "path"), list(BODIES), ids=[f"{method} {path}" for method, path in BODIES])
def test_each_field_with_each_wrong_value(server: SandboxServer, method: str, path: str) -> None:
    """A field of another type is refused. Every other value, too, gets a reply in the API's form."""
    body, world = BODIES[method, path], server.world
    server.world.switches = Switches()
    with connected(server) as client:
        for number, (place, before) in enumerate(places(body)):
            values = [*WRONG, *ODD, "$drop"]
            for value in values[number % STEP :: STEP]:
                refused = value in WRONG and not isinstance(before, type(value))
                reply = send(client, world, request_of(method, path, replaced(body, place, value)))
                assert reply.status_code in ((422,) if refused else (200, 422)), (place, value, reply.text)
                check(method, path, reply)
        assert send(client, world, request_of(method, path, body)).status_code == 200
        everything_answers(client, world)


@pytest.mark.parametrize("path", ["/appointments", "/appointments/slots", "/calendars/services"])
def test_each_parameter_with_each_odd_text(server: SandboxServer, path: str) -> None:
    query = {"startDate": "$now", "endDate": "$soon", "calendarId": "$service", "userId": "$user", "timezone": "UTC"}
    with connected(server) as client:
        for name in (*query, "teamId", "includeAll"):
            for text in ("", "\x00", "[1]", "true", "America", "posixrules", "e" * 5_000, *NAMES, *TIMES):
                reply = send(client, server.world, request_of("GET", path, None) | {"query": query | {name: text}})
                assert reply.status_code in (200, 400, 422), (name, text, reply.text)
                check("GET", path, reply)


def request_of(method: str, path: str, body: Any) -> dict[str, Any]:
    """A request for records that exist."""
    filled = [f"${part[1:-4]}" if part.startswith("{") else part for part in path.split("/")]
    return {"method": method, "path": filled, "query": {}, "body": body, "form": False}


@pytest.mark.parametrize("number", range(len(CALLS)), ids=[f"{method} {path}" for method, path in CALLS])
def test_any_request(server: SandboxServer, number: int) -> None:
    method, path = CALLS[number]

    @seed(CHAOS_SEED + number)
    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        requests(method, path), st.sampled_from(["service", "team", "either"]), st.sampled_from(["missing", "empty"])
    )
    def holds(request: dict[str, Any], means: Any, empty_days: Any) -> None:
        server.world.switches = Switches(calendar_id_means=means, empty_days=empty_days)
        with connected(server) as client:
            reply = send(client, server.world, request)
            assert reply.status_code in (200, 400, 404, 422), reply.text
            check(method, path, reply)
            everything_answers(client, server.world)

    holds()


def connected(server: SandboxServer) -> httpx.Client:
    """A client for the first location."""
    headers = {"Authorization": f"Bearer {server.world.locations[0].key}"}
    return httpx.Client(base_url=server.base_url, headers=headers, trust_env=False, verify=False, timeout=20)


def send(client: httpx.Client, world: World, request: dict[str, Any]) -> httpx.Response:
    names = ids(world)

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {filled(name): filled(each) for name, each in value.items() if each != "$drop"}
        if isinstance(value, list):
            return [filled(each) for each in value]
        return names.get(value, value) if isinstance(value, str) else value

    path = "/".join(quote(each, safe="") for each in filled(request["path"]))
    url = f"{path}?{urlencode(filled(request['query']))}"
    if request["body"] is None:
        return client.request(request["method"], url)
    if request["form"]:
        return client.request(request["method"], url, data=flat(filled(request["body"])))
    return client.request(request["method"], url, json=filled(request["body"]))


def flat(body: dict[str, Any]) -> dict[str, str]:
    """A form's fields, one level deep."""
    found: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            found |= {f"{name}[{child}]": str(each) for child, each in value.items()}
        elif isinstance(value, list):
            found |= {f"{name}[]": str(each) for each in value}
        else:
            found[name] = str(value)
    return found


def ids(world: World) -> dict[str, str]:
    data = world.data[world.locations[0].id]
    firsts = {"$service": data.services, "$team": data.teams, "$user": data.members, "$contact": data.contacts}
    found = {name: next(iter(records), "none") for name, records in firsts.items()}
    rows = data.by_start.all()
    found["$appointment"] = rows[-1].id if rows else "none"
    service = data.services.get(found["$service"])
    free = free_slots(data, service, world.now_ms, world.now_ms + 9 * DAY_MS, world.now_ms) if service else []
    if service and service.user_ids():
        found["$user"] = service.user_ids()[0]
        free = [at for at in free if at in free_slots(data, service, at, at + 1, world.now_ms, user_id=found["$user"])]
    slot_ms = free[0] if free else world.now_ms
    found |= {"$slot": local_iso(slot_ms, "UTC"), "$later": local_iso(slot_ms + 1_800_000, "UTC")}
    found |= {"$now": str(world.now_ms), "$soon": str(world.now_ms + 5 * DAY_MS)}
    return found | {"$fresh": f"slug-{world.rng.getrandbits(48)}"}


def everything_answers(client: httpx.Client, world: World) -> None:
    """Each list still answers, in the API's form. So does the truth."""
    window = {"startDate": world.now_ms, "endDate": world.now_ms + 3 * DAY_MS}
    data = world.data[world.locations[0].id]
    scopes = [{"calendarId": each} for each in list(data.services)[-2:]] + [{"userId": each} for each in data.members]
    calls: list[tuple[str, dict[str, Any]]] = [("/calendars/teams", {}), ("/calendars/services", {})]
    calls += [
        ("/appointments", {"startDate": 0, "endDate": 32_503_679_999_999, "includeAll": "True"} | each)
        for each in scopes
    ]
    calls += [("/appointments/slots", window | each) for each in scopes[:2]]
    for path, query in calls:
        reply = client.get(path, params=query)
        assert reply.status_code in (200, 422), reply.text  # 422: an id that means a team
        check("GET", path, reply)
    world.truth(world.locations[0].id)


def check(method: str, path: str, reply: httpx.Response) -> None:
    """The reply has the form of the API's reference."""
    if reply.status_code == 422:
        assert reply.json()
        for error in reply.json().values():
            assert error.keys() == {"message", "rule"}
            assert error["rule"] in RULES
    elif reply.status_code != 200:
        assert isinstance(reply.json()["msg"], str)
    elif method == "DELETE" or path.endswith("/status"):
        assert reply.content == b""
    elif path == "/appointments/slots":
        for day, slots in reply.json().items():
            assert date.fromisoformat(day)
            assert all(slot[:10] == day and datetime.fromisoformat(slot).tzinfo for slot in slots["slots"])
    elif path.startswith("/calendars/check"):
        assert_types(reply.json(), {"slug": str, "isSlugAvailable": bool})
    elif method in ("POST", "PUT") and path.startswith("/appointments"):
        assert reply.json().keys() == {"id", "contactId", "contact"}
        assert_types(reply.json(), {"id": str, "contactId": str, "contact": CONTACT})
    else:
        kind = next(name for name in ("contacts", "appointments", "services", "teams") if name in path)
        kind = "appointments" if kind == "contacts" else kind
        records = reply.json()[kind] if path.rsplit("/")[-1] == kind and method == "GET" else [reply.json()]
        for record in records:
            assert isinstance(record["id"], str)
            assert_types(record, TYPES[kind])


def fields(kind: type, names: str) -> dict[str, Any]:
    """Fields of one type."""
    return dict.fromkeys(names.split(), kind)


CONTACT: dict[str, Any] = {
    **fields(str, "id locationId email emailLowerCase firstName lastName phone fingerprint timezone country source"),
    **fields(str, "dateAdded type postalCode"),
    "customField": [{"id": str}],
    "tags": [str],
}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OPENINGS = [fields(int, "openHour openMinute closeHour closeMinute")]
TYPES: dict[str, dict[str, Any]] = {
    "teams": {
        **fields(str, "id name"),
        "members": [fields(str, "id name email")],
        "calendarConfig": {
            **fields(str, "calendarName description slug link"),
            **fields(bool, "shouldAssignContactToTeamMember shouldSkipAssigningContactForExisting"),
        },
    },
    "services": {
        **fields(str, "id name description appointmentTitle meetingLocation eventColor teamId syncOption"),
        "teamMembers": [{"userId": str, "priority": int, "selected": bool, "meetingLocation": str}],
        "availability": {
            "eventTiming": fields(int, "slotDuration slotInterval slotBuffer"),
            "appointmentInfo": fields(int, "perSlot perDay"),
            "schedule": {
                **fields(int, "allowBookingAfter allowBookingFor"),
                **fields(str, "allowBookingAfterUnit allowBookingForUnit"),
            },
            "officeHours": dict.fromkeys(
                ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), OPENINGS
            ),
        },
        "confirmation": {
            "form": {"customFormId": str, "stickyContact": bool},
            "notificationAndOther": {
                **fields(str, "alertEmail notes facebookPixelId customCode"),
                **fields(bool, "hasAutoConfirm hasGoogleSendInvitationEmail hasAllowReschedule hasAllowCancellation"),
                **fields(bool, "hasSendEmailToAssignedMember"),
            },
            "formSubmission": fields(str, "type content"),
        },
    },
    "appointments": {
        **fields(str, "id userId contactId locationId calendarProviderId calendarServiceId calendarId status title"),
        **fields(str, "appoinmentStatus appointmentStatus notes address startTime endTime selectedTimezone"),
        **fields(str, "assignedUserId userCalendarId createdAt updatedAt"),
        **fields(bool, "isRecurring isFree"),
        "contact": CONTACT,
    },
}


def assert_types(value: Any, form: Any) -> None:
    """The value has the form's types. Null and more fields are allowed."""
    if value is None:
        return
    if isinstance(form, dict):
        assert isinstance(value, dict)
        for name, each in form.items():
            assert_types(value.get(name), each)
    elif isinstance(form, list):
        assert isinstance(value, list)
        for each in value:
            assert_types(each, form[0])
    else:
        assert type(value) is form, f"expected {form.__name__}, got {value!r}"
