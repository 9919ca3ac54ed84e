"""What a dialect is: everything that differs between the APIs that serve a booking calendar.

Input:  a location, the settings, and a function that sends a call.
Output: `Calls`: the calendar's lists and records, with the fields of the first API (`records.tables` names them). Lists
        of appointments are long, so they come as JSON under the API's own names. The rooms after `api` see these only,
        so they know no dialect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeVar
from urllib.parse import quote

from pendulum import DateTime

from bookings_sync.config.settings import Location, Settings
from bookings_sync.dialects.findings import Finding
from bookings_sync.dialects.replies import FreeSlots, Reply
from bookings_sync.dialects.writes import Writes
from bookings_sync.errors import ApiError
from bookings_sync.planning.scopes import Scope
from bookings_sync.planning.windows import Window
from bookings_sync.records.field_names import AS_DECLARED, FieldNames
from bookings_sync.records.json_text import Records

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ApiCall:
    """An HTTP call. `path` begins with a slash, with quoted ids. `params`, `headers` and `body` are never logged."""

    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    window: Window | None = None
    not_found_statuses: tuple[int, ...] = ()
    """Statuses that mean "no such record" if the body is a JSON object."""
    can_halve_window: bool = False
    """Whether the caller asks for the window's halves if the whole window brings no good reply."""
    is_read: bool = False
    """Whether a POST only reads, so that it may be sent again."""

    @property
    def is_idempotent(self) -> bool:
        return self.is_read or self.method != "POST"


class Send(Protocol):
    """Sends a call and decodes the body of its reply. Raises ApiError. A body with the digest `known_digest` is not
    decoded."""

    def __call__(
        self, call: ApiCall, decode_body: Callable[[bytes], T], known_digest: str | None = None, /
    ) -> Reply[T]: ...


class Refusal(NamedTuple):
    """What a status that is no success means: the kind of error, and one line that names the cause and the fix.

    `fields` are the names of the fields that the API rejects. Neither holds a value of the reply.
    """

    kind: type[ApiError]
    what: str
    fields: tuple[str, ...] = ()


class Pace(NamedTuple):
    """What a reply says about the rate limit: `limit` requests in any `period_seconds`, `per_day` in a day.
    `is_day_spent`: no request is left today."""

    limit: int | None = None
    period_seconds: float | None = None
    is_day_spent: bool = False
    per_day: int | None = None


class ContactPage(NamedTuple):
    """Some of a location's contacts. `cursor` asks for the next page, and is None after the last one. `total` counts
    all contacts, if the API says so."""

    records: Records
    cursor: str | None
    total: int | None


class AboutLocation(NamedTuple):
    """What the API says about a location itself. None: it does not say. `timezone` is an IANA name (DOC)."""

    id: str | None = None
    name: str | None = None
    timezone: str | None = None
    company_id: str | None = None


class Calls(Protocol):
    """The read calls of one location. Every call raises ApiError."""

    def get_location(self) -> Reply[AboutLocation] | None:
        """The location itself, or None if the API has no such call. It is requested once, and then kept."""

    def list_teams(self) -> Reply[Records]: ...

    def list_services(self) -> Reply[Records]: ...

    def list_appointments(
        self, scope: Scope, window: Window, known_digest: str | None, decode: Callable[[bytes], T]
    ) -> Reply[T]:
        """The appointments of a scope in a window. `decode` gets the JSON `{"appointments": [record, …]}`, with records
        under the names of `Dialect.appointments`."""

    def get_appointment(self, appointment_id: str) -> Reply[Records]:
        """One appointment, or an empty list if the API has no such appointment."""

    def list_slots(
        self, service_id: str, window: Window, timezone: str | None, known_digest: str | None
    ) -> Reply[FreeSlots]: ...

    def check_slug(self, slug: str) -> Reply[dict[str, Any]]: ...


class ContactCalls(Protocol):
    """The calls of an API that lists contacts on their own. Every call raises ApiError."""

    def list_contacts(self, cursor: str | None, changed_since_ms: int | None = None) -> Reply[ContactPage]:
        """A page of contacts: the first one, or the one at `cursor`. `changed_since_ms` leaves out contacts that did
        not change since, if the API heeds it (UNK)."""

    def get_contact(self, contact_id: str) -> Reply[Records]:
        """One contact, or an empty list if the API has no such contact."""


class Probes(Protocol):
    """What `bookings check` asks one API in addition to a sync's own calls. Errors of the API become findings, except
    ConnectionFailed and TimedOut of `access`."""

    def access(self) -> Iterator[Finding]:
        """Whether the key opens the location, and which lists it lacks a permission for."""

    def behavior(self, now: DateTime) -> Iterator[Finding]:
        """What the API's reference leaves open, and a setting has to say."""


@dataclass(frozen=True)
class Dialect:
    """One API.

    `columns` says what fills a column ("appointments.service_id") if its values may differ from those of the first API.
    `lists_cost` is the number of requests that one list of appointments takes.
    """

    name: str
    owns_key: Callable[[str], bool]
    """Whether a key has this dialect's form."""
    url_setting: Literal["base_url", "v2_base_url"]
    """The setting with the API's address."""
    check: Callable[[Location], None]
    """Raises ConfigurationError if the location lacks something that the dialect needs."""
    calls: Callable[[Location, Settings, Send], Calls]
    writes: Callable[[Location, Settings, Send], Writes]
    columns: Mapping[str, str]
    appointments: FieldNames = AS_DECLARED
    """How the lists of appointments call the fields. All other records come under the first API's names."""
    lists_cost: int = 1
    has_service_id_parameter: bool = False
    """Whether the setting `service_id_parameter` names what lists are asked by."""
    refusal: Callable[[ApiCall, int, bytes], Refusal | None] = lambda *_: None
    """How the API words a refusal. None: the status says it all."""
    pace: Callable[[Mapping[str, str]], Pace | None] = lambda _: None
    """What a reply's headers say about the rate limit."""
    contacts: Callable[[Location, Settings, Send], ContactCalls] | None = None
    """None if appointments embed their contacts."""
    probes: Callable[[Location, Settings, Send], Probes] | None = None
    weekday_setting: str | None = None
    """The setting that says how the API numbers weekdays. None if it names them."""
    where_id_is: str | None = None
    """Where a user finds the location's id, for a dialect that must be told. None if the key or the data tell it."""

    def base_url(self, settings: Settings) -> str:
        """The API's address."""
        return str(getattr(settings, self.url_setting))


def path_segment(text: str) -> str:
    """Quotes an id or a slug for a URL path. Raises ValueError if the path would then name another endpoint."""
    if text in {"", ".", ".."}:
        raise ValueError(f"not an id: {text!r}")
    return quote(text, safe="")
