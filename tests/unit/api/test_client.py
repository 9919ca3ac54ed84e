"""The client's methods: the exact request of each, and what each returns for a reply."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import pendulum
import pytest

from bookings_sync.api import Client, Reply, Scope, Writer
from bookings_sync.api.listing import Listing
from bookings_sync.errors import BadReply, OtherReply, RequestRefused
from bookings_sync.planning.windows import Window

from .conftest import KEY

WINDOW = Window(1_598_918_400_000, 1_601_510_400_000)
DATES = {"startDate": "1598918400000", "endDate": "1601510400000"}
EVERYTHING = {"teams": [], "services": [], "appointments": [], "id": "a_1?/#é", "slug": "s", "isSlugAvailable": True}

ClientFor = Callable[..., Client]


@pytest.mark.parametrize(
    ("call", "path", "query"),
    [
        (lambda client: client.list_teams(), "/v1/calendars/teams", {}),
        (lambda client: client.list_services(), "/v1/calendars/services", {}),
        (
            lambda client: client.list_appointments(Scope("service", "s1"), WINDOW),
            "/v1/appointments/",
            {"calendarId": "s1", **DATES, "includeAll": "true"},
        ),
        (
            lambda client: client.list_appointments(Scope("team", "t1"), WINDOW),
            "/v1/appointments/",
            {"teamId": "t1", **DATES, "includeAll": "true"},
        ),
        (
            lambda client: client.list_appointments(Scope("user", "u1"), WINDOW),
            "/v1/appointments/",
            {"userId": "u1", **DATES, "includeAll": "true"},
        ),
        (lambda client: client.get_appointment("a_1?/#é"), "/v1/appointments/a_1?/#é", {}),
        (lambda client: client.list_slots("s1", WINDOW), "/v1/appointments/slots", {"calendarId": "s1", **DATES}),
        (
            lambda client: client.list_slots("s1", WINDOW, "Asia/Calcutta"),
            "/v1/appointments/slots",
            {"calendarId": "s1", **DATES, "timezone": "Asia/Calcutta"},
        ),
        (lambda client: client.check_slug("a b"), "/v1/calendars/check-slug-availability/a b", {}),
    ],
)
def test_request_of_each_method(
    client_for: ClientFor, call: Callable[[Client], Reply[Any]], path: str, query: dict[str, str]
) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=EVERYTHING)

    client = client_for(answer)
    reply = call(client)
    (request,) = requests
    assert (request.method, request.url.path, dict(request.url.params)) == ("GET", path, query)
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert (reply.requests, client.requests_sent) == (1, 1)


def test_settings_change_query_parameters(client_for: ClientFor) -> None:
    seen: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(dict(request.url.params))
        return httpx.Response(200, json=EVERYTHING)

    client = client_for(answer, include_contacts=False, service_id_parameter="calendarServiceId")
    client.list_appointments(Scope("service", "s1"), WINDOW)
    assert seen == [{"calendarServiceId": "s1", **DATES}]


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_id_cannot_change_the_path(client_for: ClientFor, text: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        client_for(lambda _: httpx.Response(200)).get_appointment(text)


def test_reply_has_size_duration_and_time(client_for: ClientFor, fake_time: Any) -> None:
    body = b'{"appointments": [{"id": "a"}]}'

    def answer(_: httpx.Request) -> httpx.Response:
        fake_time.seconds += 2
        return httpx.Response(200, content=body)

    reply = client_for(answer).list_appointments(Scope("service", "s1"), WINDOW)
    assert reply.records == Listing([{"id": "a"}], 1)
    assert (reply.bytes, reply.seconds, reply.sent_at) == (len(body), 2.0, pendulum.datetime(2026, 3, 1, 12))


def test_unchanged_reply_is_not_decoded(client_for: ClientFor) -> None:
    client = client_for(lambda _: httpx.Response(200, content=b'{"appointments": []}'))
    scope = Scope("service", "s1")
    first = client.list_appointments(scope, WINDOW)
    again = client.list_appointments(scope, WINDOW, first.digest)
    assert (first.records, again.records) == (Listing([], 0), None)
    assert (again.digest, again.bytes) == (first.digest, first.bytes)
    assert client.list_appointments(scope, WINDOW, "another").records == Listing([], 0)


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(400, json={"msg": "Bad Request"}),
        httpx.Response(404, json={"msg": "Not found"}),
        httpx.Response(422, json={"id": {"message": "The id is invalid.", "rule": "invalid"}}),
        httpx.Response(200),
        httpx.Response(200, json={}),
    ],
    ids=lambda response: f"{response.status_code} {response.text}",
)
def test_no_such_appointment(client_for: ClientFor, response: httpx.Response) -> None:
    client = client_for(lambda _: response)
    reply = client.get_appointment("a1")
    assert (reply.records, reply.requests) == ([], 1)


@pytest.mark.parametrize("other", ["a", "A1", "a1 ", 1, None], ids=repr)
def test_another_appointment_is_an_error_and_not_asked_for_again(client_for: ClientFor, other: object) -> None:
    client = client_for(lambda _: httpx.Response(200, json={"id": other, "title": "another"}), attempts=8)
    with pytest.raises(OtherReply):
        client.get_appointment("a1")
    assert client.requests_sent == 1


def test_an_update_that_is_answered_with_another_record_is_an_error(client_for: ClientFor) -> None:
    writer = Writer(client_for(lambda _: httpx.Response(200, json={"id": "master"})))
    with pytest.raises(OtherReply):
        writer.reschedule("master_1796", pendulum.datetime(2026, 3, 3), "UTC")


def test_slots_of_other_days_are_an_error(client_for: ClientFor) -> None:
    client = client_for(lambda _: httpx.Response(200, json={"2020-10-09": {"slots": ["2020-10-09T08:00:00Z"]}}))
    with pytest.raises(OtherReply):
        client.list_slots("s1", WINDOW)


def test_other_statuses_do_not_mean_no_such_appointment(client_for: ClientFor) -> None:
    client = client_for(lambda _: httpx.Response(400, json={"msg": "Bad Request"}), unknown_id_statuses=(404,))
    with pytest.raises(RequestRefused):
        client.get_appointment("a1")


def test_a_proxys_404_does_not_delete_an_appointment(client_for: ClientFor) -> None:
    client = client_for(lambda _: httpx.Response(404, html="<html>not found</html>"))
    with pytest.raises(BadReply):
        client.get_appointment("a1")


def test_404_for_a_list_is_an_error(client_for: ClientFor) -> None:
    client = client_for(lambda _: httpx.Response(404, json={"msg": "Not found"}))
    with pytest.raises(RequestRefused):
        client.list_teams()


def test_log_line_has_window_and_status_without_key_or_query(
    client_for: ClientFor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="bookings_sync")
    client_for(lambda _: httpx.Response(200, content=orjson.dumps(EVERYTHING))).list_slots(
        "s1", WINDOW, "Asia/Calcutta"
    )
    (record,) = [record for record in caplog.records if record.name.startswith("bookings_sync")]
    assert record.getMessage() == (
        "berlin: GET /appointments/slots [2020-09-01T00:00Z, 2020-10-01T00:00Z): 200 in 0 ms"
    )
