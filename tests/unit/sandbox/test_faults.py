"""Faults, the quota and the request log, over a real socket."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from bookings_sync.sandbox import Fault, FaultKind, Faults, Quota
from bookings_sync.sandbox.quota import QuotaTracker


@pytest.mark.parametrize("status", ["500", "502", "503"])
def test_server_errors_have_html_bodies(api: Any, status: FaultKind) -> None:
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
def test_broken_connections_raise_transport_errors(api: Any, kind: FaultKind, error: type[httpx.HTTPError]) -> None:
    row = api.appointments(calendarId=api.service_id)[0]
    api.server.faults = Faults([Fault(kind=kind, times=1)])
    with pytest.raises(error):
        api.client.delete(f"/appointments/{row['id']}") if kind != "truncated" else api.client.get("/calendars/teams")
    assert api.client.get(f"/appointments/{row['id']}").status_code == (404 if kind == "reset_after" else 200)


@pytest.mark.parametrize(
    ("kind", "body"),
    [("list", b"["), ("null", b"null"), ("string", b'"'), ("html", b"<html>"), ("cut", b'{"teams":')],
)
def test_wrong_bodies_with_status_200(api: Any, kind: FaultKind, body: bytes) -> None:
    whole = api.client.get("/calendars/teams").content
    api.server.faults = Faults([Fault(kind=kind)])
    response = api.client.get("/calendars/teams")
    assert response.status_code == 200
    assert response.content.startswith(body)
    if kind == "cut":
        assert response.content == whole[: len(whole) // 2]


def test_lists_are_empty(api: Any) -> None:
    api.server.faults = Faults([Fault(kind="empty_list")])
    assert api.json("GET", "/calendars/teams") == {"teams": []}
    assert api.json("GET", "/calendars/services") == {"services": []}
    assert api.appointments(calendarId=api.service_id) == []
    assert api.slots(api.service_id) == []
    row_id = api.world.truth(api.location.id)["appointments"][0]["id"]
    assert api.json("GET", f"/appointments/{row_id}")["id"] == row_id
    assert api.server.faults.met == {"empty_list": 4}


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("gone_400", 400, b'{"msg":"Bad Request"}'),
        ("gone_404", 404, b'{"msg":"Not found"}'),
        ("gone_422", 422, b'{"id":{"message":"The id is invalid.","rule":"invalid"}}'),
        ("gone_empty", 200, b""),
        ("gone_object", 200, b"{}"),
    ],
)
def test_an_appointment_that_exists_is_unknown(api: Any, kind: FaultKind, status: int, body: bytes) -> None:
    row = api.appointments(calendarId=api.service_id)[0]
    api.server.faults = Faults([Fault(kind=kind)])
    response = api.client.get(f"/appointments/{row['id']}")
    assert (response.status_code, response.content) == (status, body)
    assert row in api.appointments(calendarId=api.service_id)
    assert api.server.faults.met == {kind: 1}


def test_the_replies_of_another_location(api: Any) -> None:
    other = api.world.locations[1]
    mine = api.appointments(calendarId=api.service_id)[0]
    api.server.faults = Faults([Fault(kind="other_tenant", location_id=api.location.id)])
    truth = api.world.truth(other.id)
    assert api.json("GET", "/calendars/teams")["teams"] == truth["teams"]
    assert api.json("GET", "/calendars/services")["services"] == truth["services"]
    rows = api.appointments(calendarId=api.service_id)
    assert {row["id"] for row in rows} < {row["id"] for row in truth["appointments"]}
    assert {row["calendarServiceId"] for row in rows} == {truth["services"][0]["id"]}
    assert api.slots(api.service_id) == truth["slots"][truth["services"][0]["id"]]
    assert api.client.get(f"/appointments/{mine['id']}").status_code == 404
    assert api.client.delete(f"/appointments/{mine['id']}").status_code == 200


def test_a_slow_reply_outlasts_a_short_timeout(api: Any) -> None:
    api.server.faults = Faults([Fault(kind="slow", seconds=30, times=1)])
    with pytest.raises(httpx.ReadTimeout):
        api.client.get("/calendars/teams", timeout=0.2)
    assert api.client.get("/calendars/teams").status_code == 200


def test_a_rule_applies_only_to_its_endpoints_and_location(api: Any) -> None:
    other = api.world.locations[1]
    api.server.faults = Faults([Fault(kind="503", endpoints=("GET /appointments/:id",), location_id=api.location.id)])
    assert api.client.get("/calendars/teams").status_code == 200
    assert api.client.get("/appointments/x").status_code == 503
    headers = {"Authorization": f"Bearer {other.key}"}
    assert api.client.get("/appointments/x", headers=headers).status_code == 404


def test_faults_do_not_depend_on_the_order_of_requests() -> None:
    def failed(order: list[int], seed: int) -> set[tuple[int, int]]:
        faults = Faults([Fault(kind="500", rate=0.3)], seed=seed)
        return {
            (number, attempt)
            for attempt in range(3)
            for number in order
            if faults.pick("GET /x", None, f"GET /x?{number}")
        }

    first = failed(list(range(100)), 1)
    assert first == failed(list(range(99, -1, -1)), 1)
    assert first != failed(list(range(100)), 2)
    assert 50 < len(first) < 130


def test_faults_can_be_set_and_removed_over_http(api: Any) -> None:
    url = api.server.url + "/sandbox/faults"
    rule = {"kind": "500", "rate": 1, "endpoints": ["GET /calendars/teams"]}
    assert httpx.post(url, json={"seed": 2, "rules": [rule]}, trust_env=False, verify=False).status_code == 200
    assert api.client.get("/calendars/teams").status_code == 500
    assert httpx.get(url, trust_env=False, verify=False).json()["met"] == {"500": 1}
    for wrong in ({"rules": [{"kind": "meteor"}]}, {"rules": [{"rate": 1}]}, {"rules": [{"kind": "500", "rate": 2}]}):
        assert httpx.post(url, json=wrong, trust_env=False, verify=False).status_code == 400
    httpx.post(url, json={}, trust_env=False, verify=False)
    assert api.client.get("/calendars/teams").status_code == 200


def test_the_quota_is_a_sliding_window_and_a_daily_limit() -> None:
    now = 0.0
    tracker = QuotaTracker(Quota(requests=3, seconds=10, per_day=5), clock=lambda: now)

    def accepted(location_id: str = "a") -> bool:
        return tracker.check(location_id).wait_s is None

    assert [accepted(), accepted(), accepted(), accepted(), accepted("b")] == [True, True, True, False, True]
    now = 9.9
    assert not accepted()
    now = 10.0
    assert [accepted(), accepted()] == [True, True]
    now = 30.0
    decision = tracker.check("a")
    assert (decision.wait_s, decision.headers["X-RateLimit-Daily-Remaining"]) == (86_370.0, "0")
    now = 86_400.0
    assert accepted()
    assert tracker.refused == 3


def test_the_quota_is_per_location_and_refusals_are_counted(api: Any) -> None:
    api.server.quota = Quota(requests=3, seconds=60)
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
