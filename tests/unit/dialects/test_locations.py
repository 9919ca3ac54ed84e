"""What each API says about a location itself."""

from __future__ import annotations

import json
from typing import Any

import pendulum
import pytest

from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects import DIALECTS, AboutLocation, ApiCall
from bookings_sync.dialects.replies import OtherAnswer, Reply


def about(name: str, body: Any) -> tuple[AboutLocation | None, list[ApiCall]]:
    sent: list[ApiCall] = []

    def send(call: ApiCall, decode: Any, _: str | None = None) -> Reply[Any]:
        sent.append(call)
        return Reply(decode(json.dumps(body).encode()), "", 0, pendulum.now("UTC"), 0.0, 1)

    location = Location("berlin", "a-key", location_id="AbC")
    reply = DIALECTS[name].calls(location, Settings(), send).get_location()
    return reply.records if reply else None, sent


@pytest.mark.parametrize(
    "body",
    [
        {"location": {"id": "AbC", "name": "Berlin Studio", "timezone": "Europe/Berlin"}},
        {"id": "AbC", "name": "Berlin Studio", "timezone": "Europe/Berlin"},
    ],
)
def test_the_successor_api_tells_name_and_time_zone(body: Any) -> None:
    found, sent = about("v2", body)
    assert found == AboutLocation("AbC", "Berlin Studio", "Europe/Berlin")
    assert [(call.method, call.path) for call in sent] == [("GET", "/locations/AbC")]


def test_a_field_of_another_type_says_nothing() -> None:
    assert about("v2", {"location": {"id": "AbC", "name": "", "timezone": 2}})[0] == AboutLocation("AbC", None, None)


def test_the_first_api_has_no_such_call() -> None:
    assert about("v1", {}) == (None, [])


def test_the_record_of_another_location_is_refused() -> None:
    with pytest.raises(OtherAnswer, match="another location"):
        about("v2", {"location": {"id": "other", "name": "Rome", "timezone": "Europe/Rome"}})
