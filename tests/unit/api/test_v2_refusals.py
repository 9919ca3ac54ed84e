"""v2's refusals as the client raises them: an unknown path is no unknown id, and a rejected field is named."""

from __future__ import annotations

from collections.abc import Iterator

import pendulum
import pytest

from bookings_sync.api import Client, Scope
from bookings_sync.errors import MissingScope, RequestRefused, UnknownPath, WrongLocation
from bookings_sync.planning.windows import Window
from support.fake_v2 import NOW, FakeV2, as_json

WINDOW = Window.between(pendulum.instance(NOW), pendulum.instance(NOW).add(days=1))


@pytest.fixture
def api() -> Iterator[FakeV2]:
    with FakeV2() as serving:
        yield serving


def client(api: FakeV2, **location: str) -> Client:
    settings = api.settings(**location)  # type: ignore[arg-type]
    return Client(settings.locations["berlin"], settings, clock=lambda: pendulum.instance(NOW))


def test_an_unknown_path_is_no_unknown_id(api: FakeV2) -> None:
    with client(api) as asking:
        assert asking.get_appointment("gone").records == []
        api.unknown_id = as_json({"statusCode": 404, "message": "Cannot GET /calendars/events/appointments/gone"}, 404)
        with pytest.raises(UnknownPath, match="does not serve this path"):
            asking.get_appointment("gone")


def test_the_fields_of_a_422(api: FakeV2) -> None:
    said = {
        "statusCode": 422,
        "message": ["calendarId of anna@example.org is unknown"],
        "error": "Unprocessable Entity",
    }
    api.answers["GET", "/calendars/events"] = lambda _: as_json(said, 422)
    with client(api) as asking, pytest.raises(RequestRefused, match="refused: calendarId, location") as caught:
        asking.list_appointments(Scope("service", "C1"), WINDOW)
    assert caught.value.fields == ("calendarId",)
    assert "anna" not in str(caught.value)


def test_a_missing_scope_and_another_location(api: FakeV2) -> None:
    api.scopes.remove("calendars/groups.readonly")
    with client(api) as asking, pytest.raises(MissingScope, match=r"calendars/groups\.readonly"):
        asking.list_teams()
    with client(api, location_id="another") as asking, pytest.raises(WrongLocation, match="location_id"):
        asking.list_services()
