"""v2's list of users, which has the names of members: however the API pages it, and whatever it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pendulum
import pytest

from bookings_sync.api import Client
from bookings_sync.errors import BadReply
from support.fake_api import Asked, Replied
from support.fake_v2 import LOCATION_ID, NOW, FakeV2, as_json


@pytest.fixture
def api() -> Iterator[FakeV2]:
    with FakeV2() as serving:
        yield serving


def names(api: FakeV2) -> list[str | None]:
    settings = api.settings()
    with Client(settings.locations["berlin"], settings, clock=lambda: pendulum.instance(NOW)) as asking:
        (group,) = asking.list_teams().records or []
        return [member["name"] for member in group["members"]]


def serve(api: FakeV2, count: int, page: Callable[[list[Any], int], dict[str, Any]]) -> None:
    """Serves users 0 to count - 1, of whom the calendar has three. `page` makes a reply from users and `skip`."""
    users = [{"id": f"U{each}", "name": f"Name {each}"} for each in range(count)]
    api.calendars[0]["teamMembers"] = [{"userId": f"U{each}"} for each in (0, count // 2, count - 1)]

    def answer(asked: Asked) -> Replied:
        return as_json(page(users, int(asked.query["skip"])))

    api.answers["GET", "/users/search"] = answer


PAGES: dict[str, tuple[int, Callable[[list[Any], int], dict[str, Any]]]] = {
    "full-pages": (250, lambda users, skip: {"users": users[skip : skip + 100]}),
    "the-last-page-is-full": (200, lambda users, skip: {"users": users[skip : skip + 100]}),
    "skip-is-ignored": (100, lambda users, _: {"users": users}),
    "all-at-once": (130, lambda users, _: {"users": users}),
    "pages-of-25-with-a-count": (60, lambda users, skip: {"users": users[skip : skip + 25], "count": 60}),
    "skip-is-ignored-and-a-count-lies": (100, lambda users, _: {"users": users, "count": 900}),
    "the-count-is-of-the-page": (30, lambda users, _: {"users": users, "count": 30}),
}


@pytest.mark.parametrize("case", PAGES)
def test_the_list_of_users_ends(api: FakeV2, case: str) -> None:
    count, page = PAGES[case]
    serve(api, count, page)
    assert names(api) == [f"Name {each}" for each in (0, count // 2, count - 1)]


LACKING: dict[str, Callable[[list[Any], int], dict[str, Any]]] = {
    "empty": lambda _, __: {"users": []},
    "empty-with-a-count": lambda _, __: {"users": [], "count": 0},
    "cut-off": lambda users, _: {"users": users[:25], "count": len(users)},
    "of-another-location": lambda _, __: {
        "users": [{"id": "X", "name": "Someone else", "roles": {"locationIds": ["another"]}}]
    },
}


@pytest.mark.parametrize("case", LACKING)
def test_a_list_of_users_that_would_take_names_is_refused(api: FakeV2, case: str) -> None:
    serve(api, 60, LACKING[case])
    with pytest.raises(BadReply, match="the list of users"):
        names(api)


def test_a_member_who_left_the_company_loses_only_the_name(api: FakeV2) -> None:
    api.users = [{"id": "U2", "name": "Una", "roles": {"locationIds": [LOCATION_ID]}}]
    assert names(api) == [None]
