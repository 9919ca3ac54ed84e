"""Tokens, versions, scopes, locations, quotas, faults and the request log of v2, over a real socket."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from bookings_sync.sandbox import ALL_SCOPES, Fault, FaultKind, Faults, Quota, truth_v2
from bookings_sync.sandbox.v2.routes import ENDPOINTS

from .conftest import switch

DAY_MS = 86_400_000


def mine(api: Any, **more: Any) -> dict[str, Any]:
    return {"locationId": api.location.id, **more}


def groups(api: Any, **request: Any) -> httpx.Response:
    response: httpx.Response = api.v2_request("GET", "/calendars/groups", params=mine(api), **request)
    return response


@pytest.mark.parametrize("version", ["2021-04-15", "2021-07-28", "2023-02-21", "v3"])
def test_every_published_version_is_answered(api: Any, version: str) -> None:
    assert groups(api, version=version).status_code == 200


def test_versions_and_tokens_are_checked(api: Any) -> None:
    def refused(**request: Any) -> tuple[int, Any]:
        response = groups(api, **request)
        return response.status_code, response.json()

    def body(message: str) -> tuple[int, Any]:
        return 401, {"statusCode": 401, "message": message}

    assert refused(version=None) == body("version header was not found.")
    assert refused(version="2022-01-01") == body("version header is invalid")
    assert refused(token=api.location.key) == body("Invalid JWT")
    assert refused(token="pit-00000000") == body("Invalid Private Integration token")
    api.world.revoke_pit(api.location.id)
    assert refused() == body("Invalid Private Integration token")
    assert api.client.get("/calendars/teams").status_code == 200, "the v1 key remains valid"


def test_a_v2_token_is_no_key_of_v1(api: Any) -> None:
    response = api.client.get("/calendars/teams", headers={"Authorization": f"Bearer {api.location.pit}"})
    assert (response.status_code, response.json()) == (401, {"msg": "Api key is invalid."})


def test_tokens_differ_and_worlds_of_v1_do_not_depend_on_them(api: Any) -> None:
    assert len({location.pit for location in api.world.locations}) == len(api.world.locations)
    assert all(location.pit.startswith("pit-") for location in api.world.locations)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [(method, path, scope) for path, (_, handlers) in ENDPOINTS.items() for method, (scope, _) in handlers.items()],
)
def test_each_route_needs_its_scope(api: Any, method: str, path: str, scope: str) -> None:
    api.world.set_scopes(api.location.id, ALL_SCOPES - {scope})
    path = path.format(event_id="x", calendar_id="x", contact_id="x", location_id="x")
    refused = api.v2_request(method, path)
    assert (refused.status_code, refused.json()) == (
        401,
        {"statusCode": 401, "message": "The token is not authorized for this scope."},
    )
    api.world.set_scopes(api.location.id, ALL_SCOPES)
    allowed = api.v2_request(method, path)
    assert allowed.json().get("message") != refused.json()["message"]
    assert "Cannot" not in str(allowed.json().get("message"))


def test_scopes_are_set_over_http(api: Any) -> None:
    url = api.server.url + "/sandbox/scopes"
    body = {"location": api.location.id, "scopes": ["contacts.readonly"]}
    assert httpx.post(url, json=body, trust_env=False).json() == {"scopes": ["contacts.readonly"]}
    assert groups(api).status_code == 401
    for wrong in ({"location": "nope", "scopes": []}, {"location": api.location.id, "scopes": ["nope"]}, {}):
        assert httpx.post(url, json=wrong, trust_env=False).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/calendars/groups"),
        ("GET", "/calendars/"),
        ("GET", "/calendars/events"),
        ("GET", "/calendars/blocked-slots"),
        ("GET", "/contacts/"),
        ("GET", "/users/"),
        ("POST", "/contacts/search"),
        ("POST", "/calendars/groups/validate-slug"),
        ("POST", "/calendars/events/appointments"),
        ("POST", "/calendars/events/block-slots"),
    ],
)
def test_the_location_must_be_that_of_the_token(api: Any, method: str, path: str) -> None:
    def send(**fields: str) -> httpx.Response:
        sent = {"params": fields} if method == "GET" else {"json": fields}
        response: httpx.Response = api.v2_request(method, path, **sent)
        return response

    other = send(locationId=api.world.locations[1].id)
    message = "The token does not have access to this location."
    assert (other.status_code, other.json()) == (403, {"statusCode": 403, "message": message})
    missing = send()
    assert missing.status_code == 422
    assert "locationId should not be empty" in missing.json()["message"]


def test_other_locations_and_companies_are_forbidden(api: Any) -> None:
    other = api.world.locations[1]
    assert api.v2_request("GET", f"/locations/{other.id}").status_code == 403
    for query in ({"companyId": "nope"}, {"companyId": api.world.company_id, "locationId": other.id}):
        assert api.v2_request("GET", "/users/search", params=query).status_code == 403


def test_a_list_needs_a_window_and_a_scope(api: Any) -> None:
    alone = api.v2_request("GET", "/calendars/events", params=mine(api))
    assert (alone.status_code, alone.json()["error"]) == (422, "Unprocessable Entity")
    assert alone.json()["message"] == [
        "calendarId or userId or groupId should not be empty",
        "startTime should not be empty",
        "endTime should not be empty",
    ]
    query = mine(api, calendarId=api.service_id, startTime="10", endTime="5")
    backwards = api.v2_request("GET", "/calendars/events", params=query)
    assert (backwards.status_code, backwards.json()["statusCode"]) == (422, 422)


@pytest.mark.parametrize(("days", "status"), [(31, 200), (32, 422)], ids=["the longest range", "a longer range"])
def test_free_slots_have_a_longest_range(api: Any, days: int, status: int) -> None:
    start = api.world.now_ms
    query = {"startDate": start, "endDate": start + days * DAY_MS}
    api.v2(f"/calendars/{api.service_id}/free-slots", status=status, **query)


def test_free_slots_need_two_numbers(api: Any) -> None:
    query = {"startDate": "2026-06-01T00:00:00Z"}
    message = api.v2(f"/calendars/{api.service_id}/free-slots", status=422, **query)["message"]
    assert message == ["startDate is invalid", "endDate should not be empty"]


def test_free_slots_of_an_unknown_calendar(api: Any) -> None:
    query = {"startDate": api.world.now_ms, "endDate": api.world.now_ms + DAY_MS}
    assert "calendarId is invalid" in api.v2("/calendars/nope/free-slots", status=422, **query)["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"pageLimit": 501},
        {"pageLimit": 0},
        {"pageLimit": 10, "searchAfter": ["x", 1]},
        {"pageLimit": 10, "filters": [{"field": "dateAdded", "operator": "range", "value": {"after": 1}}]},
        {"pageLimit": 10, "filters": [{"field": "dateAdded", "operator": "range", "value": {"gt": "soon"}}]},
        {"pageLimit": 10, "filters": [{"field": "shoeSize", "operator": "eq", "value": 42}]},
        {"pageLimit": 10, "filters": ["dateAdded"]},
        {"pageLimit": 10, "filters": 5},
        {"pageLimit": 10, "filters": [{"filters": [{"filters": [{"filters": [{"filters": [{"filters": []}]}]}]}]}]},
    ],
)
def test_an_invalid_search_is_refused(api: Any, body: dict[str, Any]) -> None:
    response = api.v2_request("POST", "/contacts/search", json=mine(api) | body)
    assert (response.status_code, response.json()["error"]) == (422, "Unprocessable Entity")


@pytest.mark.parametrize(
    "query", [{"limit": "101"}, {"startAfter": "yesterday", "startAfterId": "x"}, {"startAfterId": "x"}]
)
def test_an_invalid_list_of_contacts_is_refused(api: Any, query: dict[str, Any]) -> None:
    api.v2("/contacts/", status=422, **mine(api, **query))


def test_an_unknown_path_and_an_unknown_method(api: Any) -> None:
    for method, path in (("GET", "/nope"), ("PUT", "/calendars/groups")):
        response = api.v2_request(method, path)
        body = {"statusCode": 404, "message": f"Cannot {method} {path}", "error": "Not Found"}
        assert (response.status_code, response.json()) == (404, body)
    assert api.client.get("/nope").json() == {"msg": "Not found"}, "v1 has its own reply"


def test_ids_of_other_locations_are_unknown(api: Any) -> None:
    other = api.world.data[api.world.locations[1].id]
    row_id, contact_id = next(iter(other.appointments)), next(iter(other.contacts))
    for path in (f"/calendars/events/appointments/{row_id}", f"/contacts/{contact_id}"):
        assert api.v2(path, status=404)["message"] == "The record was not found."


def test_the_quota_of_v2_is_counted_apart_and_told(api: Any) -> None:
    api.server.quota = Quota(requests=2, seconds=60)
    api.client.get("/calendars/teams")
    replies = [groups(api) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert {name: replies[0].headers[name] for name in replies[0].headers if name.startswith("x-ratelimit")} == {
        "x-ratelimit-limit-daily": "200000",
        "x-ratelimit-daily-remaining": "199999",
        "x-ratelimit-interval-milliseconds": "60000",
        "x-ratelimit-max": "2",
        "x-ratelimit-remaining": "1",
    }
    assert replies[2].json() == {"statusCode": 429, "message": "Too Many Requests"}
    assert replies[2].headers["retry-after"]
    assert api.server.rate_limited == 1


@pytest.mark.parametrize("kind", ["429_seconds", "500", "cut", "html", "list", "null"])
def test_faults_concern_v2_too(api: Any, kind: FaultKind) -> None:
    whole = groups(api)
    api.server.faults = Faults([Fault(kind=kind, endpoints=("GET /calendars/groups",), times=1)])
    broken = groups(api)
    assert (broken.status_code, broken.content) != (200, whole.content)
    assert groups(api).content == whole.content
    assert api.server.faults.met == {kind: 1}


@pytest.mark.parametrize("kind", ["reset", "truncated"])
def test_broken_connections_concern_v2_too(api: Any, kind: FaultKind) -> None:
    api.server.faults = Faults([Fault(kind=kind, times=1)])
    with pytest.raises(httpx.TransportError):
        groups(api)
    assert groups(api).status_code == 200


def test_lists_of_v2_are_empty(api: Any) -> None:
    api.server.faults = Faults([Fault(kind="empty_list")])
    assert groups(api).json() == {"groups": []}
    assert api.events(calendarId=api.service_id) == []
    search = api.v2_request("POST", "/contacts/search", json=mine(api, pageLimit=10))
    assert search.json() == {"contacts": [], "total": 0}
    row_id = next(iter(api.world.data[api.location.id].appointments))
    assert api.v2(f"/calendars/events/appointments/{row_id}")["event"]["id"] == row_id


@pytest.mark.parametrize("kind", ["gone_400", "gone_404", "gone_422", "gone_empty", "gone_object"])
def test_events_and_contacts_that_exist_are_unknown(api: Any, kind: FaultKind) -> None:
    data = api.world.data[api.location.id]
    api.server.faults = Faults([Fault(kind=kind)])
    for path in (
        f"/calendars/events/appointments/{next(iter(data.appointments))}",
        f"/contacts/{next(iter(data.contacts))}",
    ):
        response = api.v2_request("GET", path)
        status = {"gone_empty": 200, "gone_object": 200}.get(kind) or int(kind[-3:])
        assert response.status_code == status
        assert status != 200 or response.content == (b"" if kind == "gone_empty" else b"{}")


def test_the_replies_of_another_location(api: Any) -> None:
    other = truth_v2(api.world, api.world.locations[1].id)
    api.server.faults = Faults([Fault(kind="other_tenant", location_id=api.location.id)])
    assert groups(api).json()["groups"] == other["groups"]
    calendar_id = other["calendars"][0]["id"]
    assert api.events(calendarId=api.service_id) == [row for row in other["events"] if row["calendarId"] == calendar_id]
    contacts = api.v2_request("POST", "/contacts/search", json=mine(api, pageLimit=500)).json()["contacts"]
    assert {each["locationId"] for each in contacts} == {api.world.locations[1].id}
    query = {"startDate": api.world.now_ms, "endDate": api.world.now_ms + 14 * DAY_MS}
    days = api.v2(f"/calendars/{api.service_id}/free-slots", **query)
    slots = [slot for name, day in days.items() if name != "traceId" for slot in day["slots"]]
    assert slots == other["slots"][calendar_id]


def test_requests_are_logged_by_path_template(api: Any) -> None:
    api.events(calendarId=api.service_id)
    api.v2("/calendars/events/appointments/x", status=404)
    api.v2("/contacts/x", status=404)
    groups(api, version=None)
    assert api.world.requests.counts == {
        (api.location.id, "GET /calendars/events", 200): 1,
        (api.location.id, "GET /calendars/events/appointments/:id", 404): 1,
        (api.location.id, "GET /contacts/:id", 404): 1,
        (None, "GET /calendars/groups", 401): 1,
    }


def test_the_truth_of_v2_over_http(api: Any) -> None:
    query = {"location": api.location.id, "api": "v2"}
    reply = httpx.get(api.server.url + "/sandbox/truth", params=query, trust_env=False).json()
    assert reply == truth_v2(api.world, api.location.id)
    locations = httpx.get(api.server.url + "/sandbox/locations", trust_env=False).json()
    assert locations["companyId"] == reply["location"]["companyId"]
    assert locations["locations"][0]["pit"] == api.location.pit


def test_an_unknown_path_is_answered_as_the_switch_says(api: Any) -> None:
    switch(api, unknown_route="401")
    assert api.v2_request("GET", "/nope").status_code == 401
    assert api.v2_request("DELETE", "/calendars/groups").status_code == 401
