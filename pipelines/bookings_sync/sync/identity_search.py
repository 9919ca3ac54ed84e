"""The search for appointments that show which calendar a key opens.

Input:  a location's client, and the lists to try, most promising first.
Output: the first evidence; for a key that names no location, the location's id.

The first lists are those that a first sync reads anyway, so their replies are kept for it. Then come longer and longer
windows, forwards to the horizon and back to the start of history. A window that is refused or too large is halved.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, zip_longest
from typing import Any, NamedTuple, TypeVar

import msgspec

from bookings_sync.api.client import Client
from bookings_sync.api.listing import decode_all
from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.replies import Reply
from bookings_sync.errors import ApiError, BadReply, ReplyTooLarge, RequestRefused, TimedOut
from bookings_sync.planning.ledger import Ledger
from bookings_sync.planning.plan import Span, hot_range, plan_appointments, whole_range, window_of
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import DAY_MS, Window
from bookings_sync.records.field_names import AS_DECLARED, FieldNames
from bookings_sync.records.listed import listed_services, listed_teams
from bookings_sync.sync.identity import unknown_id
from bookings_sync.sync.kept_replies import KeptReplies

T = TypeVar("T")

MOST_REQUESTS = 500
"""Lists that one search tries at most. A first sync of a calendar with short windows takes about as many."""

_MOST_FAILURES = 5
"""Unreadable lists, or lists that came too late, after which a search ends."""

_SURELY_ALLOWED_MS = 31 * DAY_MS
"""Milliseconds. A refusal of a shorter window has another reason than its length (UNK)."""

_GROWTH = 4
"""Each window of the search is as many times longer than the one before: nothing was found nearer to now."""

Tried = tuple[Scope, Window]


class _Contact(msgspec.Struct):
    locationId: Any = None  # noqa: N815 - the API's names


class _Appointment(msgspec.Struct):
    """The fields that name the appointment's location, service, team and users. The other fields of a long list would
    take much memory."""

    id: Any = None
    locationId: Any = None  # noqa: N815
    calendarServiceId: Any = None  # noqa: N815
    calendarProviderId: Any = None  # noqa: N815
    calendarId: Any = None  # noqa: N815
    userId: Any = None  # noqa: N815
    assignedUserId: Any = None  # noqa: N815
    contact: _Contact | None = None


class _List(msgspec.Struct):
    appointments: list[_Appointment]


_decode_owners = msgspec.json.Decoder(_List).decode


class _Seen(NamedTuple):
    records: list[Any]
    body: bytes


def _keep_body(body: bytes, names: FieldNames) -> _Seen:
    if names is not AS_DECLARED:  # `_Appointment` has the declared names
        return _Seen(decode_all(body, names).records, body)
    try:
        return _Seen(msgspec.to_builtins(_decode_owners(body).appointments), body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _Seen(decode_all(body).records, body)


class Search:
    """Looks through lists of appointments. `budget_left` returns the requests that the location may still send."""

    def __init__(self, client: Client, kept: KeptReplies, budget_left: Callable[[], int]) -> None:
        self.requests = 0
        self.error: ApiError | None = None
        """The last failure that was no refusal."""
        self._client = client
        self._kept = kept
        self._budget_left = budget_left
        self._longest_ms: int | None = None
        self._failures = 0

    def first(self, lists: Iterable[Tried], evidence: Callable[[list[Any]], T | None]) -> T | None:
        """The first evidence in these lists. Raises ApiError if the API cannot be asked at all."""
        keep_body = partial(_keep_body, names=self._client.dialect.appointments)
        halves: deque[Tried] = deque()
        others = iter(lists)
        while self.requests < MOST_REQUESTS and self._failures < _MOST_FAILURES and self._budget_left() > 0:
            tried = halves.popleft() if halves else next(others, None)
            if tried is None:
                return None
            scope, window = tried
            if self._longest_ms is not None and window.length_ms > self._longest_ms:
                halves.extendleft((scope, half) for half in window.halves())
                continue
            if (body := self._kept.look_at(self._client.location.name, scope, window)) is not None:
                if (found := evidence(keep_body(body).records)) is not None:
                    return found
                continue
            self.requests += 1
            try:
                reply = self._client.list_appointments(scope, window, decode=keep_body)
            except (RequestRefused, TimedOut, ReplyTooLarge, BadReply) as error:
                if not isinstance(error, RequestRefused):
                    self.error = error
                    self._failures += 1
                if window.length_ms > (_SURELY_ALLOWED_MS if isinstance(error, RequestRefused) else DAY_MS):
                    self._longest_ms = window.length_ms // 2
                    halves.extendleft((scope, half) for half in window.halves())
                continue
            seen = reply.records
            assert seen is not None  # noqa: S101 - no digest was passed
            self._kept.add(self._client.location.name, scope, window, _with_body(reply, seen.body))
            if (found := evidence(seen.records)) is not None:
                return found
        return None


def _with_body(reply: Reply[_Seen], body: bytes) -> Reply[bytes]:
    return Reply(body, reply.digest, reply.bytes, reply.sent_at, reply.seconds, reply.requests)


def first_lists(settings: Settings, span: Span, scopes: Iterable[Scope]) -> list[Tried]:
    """The lists that the first load of a new location reads."""
    reads = plan_appointments(Ledger(), settings, "", scopes, span)
    return [(read.scope, window_of(read)) for read in reads]


def older_lists(settings: Settings, span: Span, scopes: list[Scope]) -> Iterator[Tried]:
    """Lists of all history and of the time ahead, in windows that grow with the distance from now. They reach one
    window further than the range, as the windows of a plan may."""
    whole, hot = whole_range(settings, span.now), hot_range(settings, span.now)
    nearest = [window for _, window in first_lists(settings, Span("", span.now), scopes[:1])]
    start_ms, end_ms = (nearest[0].start_ms, nearest[0].end_ms) if nearest else (hot.start_ms, hot.start_ms)
    longest, first = settings.max_window_days * DAY_MS, settings.window_days * DAY_MS * _GROWTH

    def growing(at: int, until: int, step: int) -> Iterator[Window]:
        length = min(first, longest)
        while (until - at) * step > 0:
            reached = at + step * min(length, (until - at) * step)
            yield Window(min(at, reached), max(at, reached))
            at, length = reached, min(length * _GROWTH, longest)

    back, ahead = whole.start_ms - longest, whole.end_ms + longest
    in_turn = zip_longest(growing(start_ms, back, -1), growing(end_ms, ahead, 1))
    for window in filter(None, chain.from_iterable(in_turn)):
        for scope in scopes:
            yield scope, window


def find_id(
    location: Location,
    client: Client,
    settings: Settings,
    span: Span,
    kept: KeptReplies,
    budget_left: Callable[[], int],
) -> str:
    """The id that the location's own appointments name: those around now, then all others.

    Raises ConfigurationError if none does, and ApiError if the API cannot be asked.
    """
    services = listed_services(kept.list_of(client, "services").records or [])
    scopes = [Scope("service", each) for each in services.ids]
    if not scopes:
        teams = listed_teams(kept.list_of(client, "teams").records or [])
        scopes = [Scope("team", each) for each in teams.ids]
        scopes += [Scope("user", each) for each in sorted(teams.users | services.users)]
    search = Search(client, kept, budget_left)
    lists = chain(first_lists(settings, Span(span.run_id, span.now), scopes), older_lists(settings, span, scopes))
    found = search.first(lists, _named_id)
    if found is None and search.error is not None:
        raise search.error
    if found is None:
        raise unknown_id(location, has_lists=bool(scopes), requests=search.requests)
    return found


def _named_id(appointments: list[Any]) -> str | None:
    """The location that most of these appointments name; None if they name none."""
    ids = (each.get("locationId") for each in appointments if isinstance(each, dict))
    named = Counter(each for each in ids if isinstance(each, str) and each)
    return named.most_common(1)[0][0] if named else None
