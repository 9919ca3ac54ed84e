"""How v2 words a refusal: each cause gets its own error, its fix, and no part of the API's message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bookings_sync.dialects.dialect import ApiCall, Pace
from bookings_sync.dialects.v2.errors import pace, refusal, scope_of
from bookings_sync.errors import (
    ApiError,
    AuthenticationFailed,
    MissingScope,
    RequestRefused,
    UnknownPath,
    WrongLocation,
)

EVENTS = ApiCall("GET", "/calendars/events", {"locationId": "L", "calendarId": "C", "startTime": "0", "endTime": "1"})
BOOKING = ApiCall("POST", "/calendars/events/appointments", body={"contactId": "K", "meetingLocationType": "custom"})
PERSON = "anna.karenina@example.org"


def body(message: Any, status: int) -> bytes:
    return json.dumps({"statusCode": status, "message": message, "error": "Unauthorized"}).encode()


@pytest.mark.parametrize(
    ("status", "message", "kind", "says"),
    [
        (401, "The token is not authorized for this scope.", MissingScope, "calendars/events.readonly"),
        (401, "version header was not found.", AuthenticationFailed, "update the program"),
        (401, "version header is invalid", AuthenticationFailed, "update the program"),
        (401, "Invalid JWT", AuthenticationFailed, "pit-"),
        (401, "Invalid Private Integration token", AuthenticationFailed, "deleted, rotated"),
        (401, "", AuthenticationFailed, "deleted, rotated"),
        (403, "The token does not have access to this location.", WrongLocation, "location_id"),
        (404, "Cannot GET /calendars/events", UnknownPath, "v2_base_url"),
    ],
)
def test_each_cause_has_its_error_and_its_fix(status: int, message: str, kind: type[ApiError], says: str) -> None:
    found = refusal(EVENTS, status, body(message, status))
    assert found is not None
    assert (found.kind, says in found.what) == (kind, True)


def test_a_403_without_the_apis_message_names_no_location() -> None:
    """A firewall in between answers so, and has no view on whose token it is."""
    found = refusal(EVENTS, 403, b"<html>Forbidden</html>")
    assert found is not None
    assert found.kind is AuthenticationFailed


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "message", ["startTime must be a number string", ["startTime must be a string", "startTime should not be empty"]]
)
def test_rejected_fields_are_named(status: int, message: Any) -> None:
    found = refusal(EVENTS, status, body(message, status))
    assert found == (RequestRefused, "refused: startTime", ("startTime",))


@pytest.mark.parametrize(
    "message",
    [
        f"email {PERSON} is taken",
        [f"{PERSON} must be an email", {"value": PERSON}],
        f"The contact {PERSON} of meetingLocationType is invalid",
        "Anna Karenina cannot be booked",
    ],
)
def test_no_value_of_a_message_is_quoted(message: Any) -> None:
    for status in (400, 401, 403, 404, 422):
        found = refusal(BOOKING, status, body(message, status))
        text = f"{found.what} {found.fields}".lower() if found else ""
        assert "karenina" not in text
        assert "anna" not in text


def test_fields_that_were_sent_or_are_required_are_named() -> None:
    message = ["meetingLocationType is unknown", "calendarId should not be empty"]
    found = refusal(BOOKING, 422, body(message, 422))
    assert found is not None
    assert found.fields == ("meetingLocationType", "calendarId")


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, body("Appointment not found", 404)), (422, b"<html>"), (400, b'{"error": "Bad"}'), (409, b"{}")],
)
def test_other_refusals_say_no_more_than_their_status(status: int, said: bytes) -> None:
    assert refusal(EVENTS, status, said) is None


@pytest.mark.parametrize(
    ("method", "path", "is_read", "scope"),
    [
        ("GET", "/calendars/", False, "calendars.readonly"),
        ("GET", "/calendars/C/free-slots", False, "calendars.readonly"),
        ("GET", "/calendars/groups", False, "calendars/groups.readonly"),
        ("GET", "/calendars/blocked-slots", False, "calendars/events.readonly"),
        ("PUT", "/calendars/events/appointments/e", False, "calendars/events.write"),
        ("POST", "/contacts/search", True, "contacts.readonly"),
        ("POST", "/contacts/upsert", False, "contacts.write"),
        ("GET", "/users/search", False, "users.readonly"),
        ("GET", "/locations/L", False, "locations.readonly"),
    ],
)
def test_the_scope_of_each_path(method: str, path: str, is_read: bool, scope: str) -> None:
    assert scope_of(ApiCall(method, path, is_read=is_read)) == scope


def test_the_pace_of_the_headers() -> None:
    headers = {
        "X-RateLimit-Max": "25",
        "X-RateLimit-Interval-Milliseconds": "10000",
        "X-RateLimit-Daily-Remaining": "0",
        "X-RateLimit-Limit-Daily": "10000",
    }
    assert pace(headers) == Pace(25, 10.0, True, 10_000)
    assert pace({"X-RateLimit-Max": "many"}) is None
