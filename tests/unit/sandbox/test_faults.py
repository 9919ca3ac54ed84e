"""What goes wrong on purpose, the rate limit, and the log, over a real socket."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from bookings_sync.sandbox import Fault, FaultKind, Faults, RateLimit
from bookings_sync.sandbox.limits import Limiter


@pytest.mark.parametrize("status", ["500", "502", "503"])
def test_server_errors_are_pages(api: Any, status: FaultKind) -> None:
    api.server.faults = Faults([Fault(kind=status)])
    response = api.client.get("/calendars/teams")
    assert (response.status_code, response.headers["content-type"]) == (int(status), "text/html; charset=utf-8")


def test_429_with_and_without_retry_after(api: Any) -> None:
    rules: list[FaultKind] = ["429", "429_seconds", "429_date"]
    api.server.faults = Faults([Fault(kind=kind, times=1, seconds=3) for kind in rules])
    waits = [api.client.get("/calendars/teams").headers.get("Retry-After") for _ in rules]
    assert waits[:2] == [None, "3"]
    assert parsedate_to_datetime(waits[2])
    assert api.client.get("/calendars/teams").status_code == 200
    assert api.server.faults.met == dict.fromkeys(rules, 1)
    assert api.server.rate_limited == 0


@pytest.mark.parametrize(
    ("kind", "error"),
    [("reset", httpx.ReadError), ("reset_after", httpx.ReadError), ("truncated", httpx.RemoteProtocolError)],
)
def test_broken_connections(api: Any, kind: FaultKind, error: type[httpx.HTTPError]) -> None:
    row = api.appointments(calendarId=api.service_id)[0]
    api.server.faults = Faults([Fault(kind=kind, times=1)])
    with pytest.raises(error):
        api.client.delete(f"/appointments/{row['id']}") if kind != "truncated" else api.client.get("/calendars/teams")
    assert api.client.get(f"/appointments/{row['id']}").status_code == (404 if kind == "reset_after" else 200)


@pytest.mark.parametrize(
    ("kind", "body"),
    [("list", b"["), ("null", b"null"), ("string", b'"'), ("html", b"<html>"), ("cut", b'{"teams":')],
)
def test_bodies_that_are_not_what_they_should_be(api: Any, kind: FaultKind, body: bytes) -> None:
    whole = api.client.get("/calendars/teams").content
    api.server.faults = Faults([Fault(kind=kind)])
    response = api.client.get("/calendars/teams")
    assert response.status_code == 200
    assert response.content.startswith(body)
    if kind == "cut":
        assert response.content == whole[: len(whole) // 2]


def test_a_slow_reply_outlasts_a_short_timeout(api: Any) -> None:
    api.server.faults = Faults([Fault(kind="slow", seconds=30, times=1)])
    with pytest.raises(httpx.ReadTimeout):
        api.client.get("/calendars/teams", timeout=0.2)
    assert api.client.get("/calendars/teams").status_code == 200


def test_rules_keep_to_their_endpoints_and_locations(api: Any) -> None:
    other = api.world.locations[1]
    api.server.faults = Faults([Fault(kind="503", endpoints=("GET /appointments/:id",), location_id=api.location.id)])
    assert api.client.get("/calendars/teams").status_code == 200
    assert api.client.get("/appointments/x").status_code == 503
    headers = {"Authorization": f"Bearer {other.key}"}
    assert api.client.get("/appointments/x", headers=headers).status_code == 404


def test_the_same_requests_meet_the_same_faults_in_any_order() -> None:
    def met(order: list[int], seed: int) -> set[tuple[int, int]]:
        faults = Faults([Fault(kind="500", rate=0.3)], seed=seed)
        return {
            (number, attempt)
            for attempt in range(3)
            for number in order
            if faults.pick("GET /x", None, f"GET /x?{number}")
        }

    first = met(list(range(100)), 1)
    assert first == met(list(range(99, -1, -1)), 1)
    assert first != met(list(range(100)), 2)
    assert 50 < len(first) < 130


def test_faults_are_set_and_ended_over_http(api: Any) -> None:
    url = api.server.url + "/sandbox/faults"
    rule = {"kind": "500", "rate": 1, "endpoints": ["GET /calendars/teams"]}
    assert httpx.post(url, json={"seed": 2, "rules": [rule]}, trust_env=False, verify=False).status_code == 200
    assert api.client.get("/calendars/teams").status_code == 500
    assert httpx.get(url, trust_env=False, verify=False).json()["met"] == {"500": 1}
    for wrong in ({"rules": [{"kind": "meteor"}]}, {"rules": [{"rate": 1}]}, {"rules": [{"kind": "500", "rate": 2}]}):
        assert httpx.post(url, json=wrong, trust_env=False, verify=False).status_code == 400
    httpx.post(url, json={}, trust_env=False, verify=False)
    assert api.client.get("/calendars/teams").status_code == 200


def test_the_limiter_slides() -> None:
    now = 0.0
    limiter = Limiter(RateLimit(requests=3, seconds=10, per_day=5), clock=lambda: now)

    def admitted(location_id: str = "a") -> bool:
        return limiter.admit(location_id).wait_s is None

    assert [admitted(), admitted(), admitted(), admitted(), admitted("b")] == [True, True, True, False, True]
    now = 9.9
    assert not admitted()
    now = 10.0
    assert [admitted(), admitted()] == [True, True]
    now = 30.0
    verdict = limiter.admit("a")
    assert (verdict.wait_s, verdict.headers["X-RateLimit-Daily-Remaining"]) == (86_370.0, "0")
    now = 86_400.0
    assert admitted()
    assert limiter.refused == 3


def test_the_limit_is_kept_per_key_and_counted(api: Any) -> None:
    api.server.rate_limit = RateLimit(requests=3, seconds=60)
    assert [api.client.get("/calendars/teams").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    other = {"Authorization": f"Bearer {api.world.locations[1].key}"}
    assert api.client.get("/calendars/teams", headers=other).headers["X-RateLimit-Remaining"] == "2"
    assert api.server.rate_limited == 2


def test_requests_are_logged_and_counted(api: Any) -> None:
    api.client.get("/appointments/x")
    api.client.get("/calendars/services/", params={"teamId": "t"})
    httpx.get(api.server.base_url + "/calendars/teams", trust_env=False, verify=False)
    log = api.world.requests
    assert log.counts == {
        (api.location.id, "GET /appointments/:id", 404): 1,
        (api.location.id, "GET /calendars/services", 200): 1,
        (None, "GET /calendars/teams", 401): 1,
    }
    assert log.records[1].query == "teamId=t"
    assert (log.count(status=200), log.count(location_id=api.location.id)) == (1, 2)
    url = api.server.url + "/sandbox/requests"
    assert httpx.request("DELETE", url, trust_env=False, verify=False).json()["total"] == 3
    assert httpx.get(url, trust_env=False, verify=False).json() == {"total": 0, "counts": [], "rateLimited": 0}
