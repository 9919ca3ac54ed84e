"""Which failures are retried, exactly how often, and how Retry-After pauses the location."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from bookings_sync import errors
from bookings_sync.api import BookingRequest, Client, Scope, Writer
from bookings_sync.planning.windows import Window

from .conftest import KEY

ClientFor = Callable[..., Client]

PERSONAL = "jane.doe@example.com"
HTML = f"<html>{PERSONAL}</html>"


def fails_with(kind: type[Exception]) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        raise kind(f"Illegal header value b'{request.headers['Authorization']}'")

    return answer


def replies_with(status: int, **content: Any) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, **content)


FAILURES = [
    (replies_with(401, json={"msg": "Api key is invalid."}), errors.AuthenticationFailed, 1),
    (replies_with(403, html=HTML), errors.AuthenticationFailed, 1),
    (replies_with(400, json={"msg": PERSONAL}), errors.RequestRefused, 1),
    (replies_with(404, json={"msg": "Not found"}), errors.RequestRefused, 1),
    (replies_with(409, json={"msg": "Conflict"}), errors.RequestRefused, 1),
    (replies_with(422, json={"startDate": {"message": PERSONAL, "rule": "required"}}), errors.RequestRefused, 1),
    (replies_with(404, html=HTML), errors.BadReply, 8),
    (replies_with(302, headers={"Location": "https://elsewhere.example"}), errors.BadReply, 8),
    (replies_with(200, html=HTML), errors.BadReply, 8),
    (replies_with(200, json=[]), errors.BadReply, 8),
    (replies_with(200, json={"teams": None}), errors.BadReply, 8),
    (replies_with(200, content=b'{"teams": [{"name": "jane.doe@exa'), errors.BadReply, 8),
    (replies_with(200, content=b"not gzip", headers={"Content-Encoding": "gzip"}), errors.BadReply, 8),
    (replies_with(408), errors.TimedOut, 8),
    (replies_with(429), errors.RateLimited, 8),
    (replies_with(500, html=HTML), errors.ServerFailed, 8),
    (replies_with(503, html=HTML), errors.ServerFailed, 8),
    (replies_with(200, content=b" " * 1_000_001), errors.ReplyTooLarge, 1),
    (fails_with(httpx.ConnectTimeout), errors.TimedOut, 8),
    (fails_with(httpx.ReadTimeout), errors.TimedOut, 8),
    (fails_with(httpx.RemoteProtocolError), errors.ConnectionFailed, 8),
    (fails_with(httpx.LocalProtocolError), errors.ConnectionFailed, 8),
]


@pytest.mark.parametrize(("answer", "kind", "attempts"), FAILURES)
def test_error_type_and_attempts(
    client_for: ClientFor, answer: Callable[[httpx.Request], httpx.Response], kind: type[errors.ApiError], attempts: int
) -> None:
    client = client_for(answer, max_reply_mb=1)
    with pytest.raises(errors.ApiError) as caught:
        client.list_teams()
    error = caught.value
    assert type(error) is kind
    assert client.requests_sent == attempts
    assert (error.location, error.method, error.path) == ("berlin", "GET", "/calendars/teams")
    for secret in (KEY, PERSONAL):
        assert secret not in f"{error}{error!r}"
    assert "\n" not in str(error)


def test_threads_together_never_send_more_than_the_limit(client_for: ClientFor) -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(503) if len(sent) % 3 == 0 else httpx.Response(200, json={"teams": []})

    client = client_for(answer)
    client.limit_requests(50)

    def ask(_: int) -> str:
        try:
            client.list_teams()
        except errors.ApiError as error:
            return type(error).__name__
        return "ok"

    with ThreadPoolExecutor(20) as pool:
        results = Counter(pool.map(ask, range(200)))
    assert client.requests_sent == len(sent) == 50
    assert results["BudgetSpent"] >= 200 - 50
    assert results["ok"] == 50 - 50 // 3


def test_a_call_that_cannot_be_sent_again_reports_its_failure_and_not_the_budget(client_for: ClientFor) -> None:
    client = client_for(replies_with(503))
    client.limit_requests(3)
    with pytest.raises(errors.ServerFailed):
        client.list_teams()
    with pytest.raises(errors.BudgetSpent, match="request_budget allows 3 requests"):
        client.list_teams()


def test_traceback_does_not_show_the_key(client_for: ClientFor) -> None:
    with pytest.raises(errors.ConnectionFailed) as caught:
        client_for(fails_with(httpx.LocalProtocolError)).list_teams()
    assert caught.value.__suppress_context__


def test_a_422_names_its_fields(client_for: ClientFor) -> None:
    body = {"startDate": {"message": "mandatory"}, "userId or calendarProviderId": {"rule": "required"}}
    with pytest.raises(errors.RequestRefused) as caught:
        client_for(replies_with(422, json=body)).list_teams()
    assert caught.value.fields == ("startDate", "userId or calendarProviderId")
    assert "startDate, userId or calendarProviderId" in str(caught.value)


def test_errors_carry_window_and_status(client_for: ClientFor) -> None:
    window = Window(0, 86_400_000)
    with pytest.raises(errors.ServerFailed) as caught:
        client_for(replies_with(502)).list_appointments(Scope("service", "s"), window)
    assert (caught.value.window, caught.value.status) == (window, 502)


def test_second_attempt_succeeds(client_for: ClientFor) -> None:
    answers = iter([httpx.Response(500), httpx.Response(200, json={"teams": [{"id": "t"}]})])
    client = client_for(lambda _: next(answers))
    reply = client.list_teams()
    assert (reply.records, reply.requests, client.requests_sent) == ([{"id": "t"}], 2, 2)


def test_attempts_setting(client_for: ClientFor) -> None:
    client = client_for(replies_with(500), attempts=2)
    with pytest.raises(errors.ServerFailed):
        client.list_teams()
    assert client.requests_sent == 2


def test_post_is_not_retried(client_for: ClientFor, fake_time: Any) -> None:
    client = client_for(replies_with(500))
    with pytest.raises(errors.ServerFailed):
        Writer(client).book(BookingRequest("s1", fake_time.clock(), "UTC", email=PERSONAL))
    assert client.requests_sent == 1


def test_put_and_delete_are_retried(client_for: ClientFor) -> None:
    client = client_for(replies_with(500))
    for call in (lambda: Writer(client).set_status("a1", "showed"), lambda: Writer(client).delete_appointment("a1")):
        with pytest.raises(errors.ServerFailed):
            call()
    assert client.requests_sent == 16


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30),  # the clock starts at 12:00:00
        ({"Retry-After": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0),
        ({"Retry-After": "Sat, 01 Jan 2000 00:01:00 GMT", "Date": "Sat, 01 Jan 2000 00:00:00 GMT"}, 60),
        ({"Retry-After": "soon"}, 10),  # unreadable: one period
        ({"Retry-After": "-5"}, 10),
        ({}, 10),
    ],
)
def test_retry_after_pauses_the_location(
    client_for: ClientFor, fake_time: Any, headers: dict[str, str], seconds: float
) -> None:
    sent: list[float] = []

    def answer(_: httpx.Request) -> httpx.Response:
        sent.append(fake_time.seconds)
        return httpx.Response(429, headers=headers) if len(sent) == 1 else httpx.Response(200, json={"teams": []})

    client = client_for(answer)
    client.list_teams()
    client.list_teams()
    assert sent == [0, seconds, seconds]


def test_pause_applies_to_other_calls_of_the_location(client_for: ClientFor, fake_time: Any) -> None:
    answers = iter([httpx.Response(429, headers={"Retry-After": "20"}), httpx.Response(200, json={"services": []})])
    client = client_for(lambda _: next(answers), attempts=1)
    with pytest.raises(errors.RateLimited) as caught:
        client.list_teams()
    assert caught.value.retry_after == 20
    client.list_services()
    assert fake_time.seconds == 20


def test_503_with_retry_after_pauses(client_for: ClientFor, fake_time: Any) -> None:
    answers = iter([httpx.Response(503, headers={"Retry-After": "5"}), httpx.Response(200, json={"teams": []})])
    client_for(lambda _: next(answers)).list_teams()
    assert fake_time.seconds == 5


def test_long_retry_after_is_not_waited_for(client_for: ClientFor, fake_time: Any) -> None:
    client = client_for(replies_with(429, headers={"Retry-After": "86400"}))
    with pytest.raises(errors.RateLimited) as caught:
        client.list_teams()
    assert (caught.value.retry_after, client.requests_sent, fake_time.slept) == (86_400, 1, [])


def test_reply_in_drips_times_out(client_for: ClientFor, fake_time: Any) -> None:
    class Drips(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            while True:
                fake_time.seconds += 50
                yield b" "

    client = client_for(lambda _: httpx.Response(200, stream=Drips()), attempts=1)
    with pytest.raises(errors.TimedOut, match="not whole after 300 s"):
        client.list_teams()


def test_client_keeps_the_rate_limit(client_for: ClientFor, fake_time: Any) -> None:
    sent: list[float] = []

    def answer(_: httpx.Request) -> httpx.Response:
        sent.append(fake_time.seconds)
        return httpx.Response(200, json={"teams": []})

    client = client_for(answer, rate_limit=3, rate_period_seconds=10)
    for _ in range(7):
        client.list_teams()
    assert [round(at) for at in sent] == [0, 0, 0, 10, 10, 10, 20]
