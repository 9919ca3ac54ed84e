"""Chooses which requests fail on purpose, and how.

Input:  rules, in Python or as JSON with `POST /sandbox/faults`.
Output: the fault for a request, if any. `endpoint` carries it out.

The choice depends on the seed, the request (method, path, query) and how often that request was sent. It does not
depend on the order in which concurrent requests arrive, so the same run gets the same faults.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any, Literal, get_args

BrokenKind = Literal[
    "429",
    "429_seconds",
    "429_date",
    "500",
    "502",
    "503",
    "slow",
    "reset",
    "reset_after",
    "truncated",
    "cut",
    "list",
    "null",
    "string",
    "html",
]
"""Replies that clients can recognize as broken:

- `429`, `429_seconds`, `429_date`: 429 without Retry-After, with seconds, with an HTTP date
- `500`, `502`, `503`: that status with an HTML body
- `slow`: the real reply after `seconds`
- `reset`, `reset_after`: the connection is reset before or after the request takes effect
- `truncated`: the body ends before its Content-Length
- `cut`: half the body, with a matching Content-Length
- `list`, `null`, `string`: JSON of the wrong type
- `html`: an HTML page with status 200
"""

FalseKind = Literal[
    "empty_list",
    "gone_400",
    "gone_404",
    "gone_422",
    "gone_empty",
    "gone_object",
    "other_tenant",
]
"""Replies in perfect form that are not true:

- `empty_list`: a list without records
- `gone_400`, `gone_404`, `gone_422`, `gone_empty`, `gone_object`: an appointment that exists is unknown; in v2 also a
  contact. `empty` is 200 without a body, `object` 200 with `{}`.
- `other_tenant`: the reply of another location. Ids of services, teams and users are replaced with its own. The id of
  an appointment or a contact is unknown there.
"""

FaultKind = Literal[BrokenKind, FalseKind]

LISTS: dict[str, dict[str, Any]] = {
    "GET /calendars/teams": {"teams": []},
    "GET /calendars/services": {"services": []},
    "GET /appointments/": {"appointments": []},
    "GET /appointments/slots": {},
    "GET /calendars/groups": {"groups": []},
    "GET /calendars/": {"calendars": []},
    "GET /calendars/events": {"events": []},
    "GET /calendars/blocked-slots": {"events": []},
    "GET /calendars/:id/free-slots": {},
    "POST /contacts/search": {"contacts": [], "total": 0},
    "GET /contacts/": {"contacts": [], "meta": {"total": 0}},
    "GET /users/search": {"users": [], "count": 0},
    "GET /users/": {"users": []},
}
"""The bodies of `empty_list`."""
BY_ID = frozenset({"GET /appointments/:id", "GET /calendars/events/appointments/:id", "GET /contacts/:id"})
"""The endpoints that `gone_*` can befall."""

PROXY_FAULTS = frozenset({"429", "429_seconds", "429_date", "500", "502", "503", "reset", "html"})
"""Faults of a proxy in front of the API. The API never sees the request, so a write has no effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule: the share `rate` (0 to 1) of the matching requests fails, at most `times` requests in total.

    `endpoints` are methods with path templates, such as `GET /appointments/`. No `endpoints` and no `location_id` mean
    all that the kind can befall. `seconds` is the delay of `slow`, or the value of Retry-After.
    """

    kind: FaultKind
    rate: float = 1.0
    endpoints: tuple[str, ...] = ()
    location_id: str | None = None
    times: int | None = None
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"expected a kind of {', '.join(get_args(FaultKind))}, got {self.kind!r}")
        if not 0 <= self.rate <= 1:
            raise ValueError(f"expected a rate between 0 and 1, got {self.rate}")
        if not isinstance(self.times, int | None) or not isinstance(self.seconds, int | float):
            raise TypeError("expected whole times, and seconds")


class Faults:
    """Rules in order. The first rule that applies to a request wins. `met` counts the failed requests by kind."""

    def __init__(self, rules: Iterable[Fault] = (), *, seed: int = 0) -> None:
        self.rules, self.seed = tuple(rules), seed
        self.met: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._attempts: Counter[str] = Counter()
        self._used = [0] * len(self.rules)

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> Faults:
        """Rules from JSON. Raises ValueError for an invalid rule.

        Example: `{"seed": 1, "rules": [{"kind": "503", "rate": 0.1, "endpoints": ["GET /appointments/"]}]}`
        """
        try:
            rules = [
                Fault(**{**rule, "endpoints": tuple(rule.get("endpoints", ()))}) for rule in settings.get("rules", ())
            ]
        except (TypeError, AttributeError) as error:
            raise ValueError(f"invalid fault rule: {error}") from error
        return cls(rules, seed=settings.get("seed", 0))

    def to_json(self) -> dict[str, Any]:
        return {"seed": self.seed, "rules": [asdict(rule) for rule in self.rules], "met": dict(self.met)}

    def pick(self, endpoint: str, location_id: str | None, identity: str) -> Fault | None:
        """The fault for this request, or None. `identity` is the location, method, path and query."""
        if not self.rules:
            return None
        with self._lock:
            self._attempts[identity] += 1
            attempt = self._attempts[identity]
            for number, rule in enumerate(self.rules):
                if endpoint not in (rule.endpoints or (endpoint,)) or not _possible(rule.kind, endpoint):
                    continue
                if rule.location_id not in (None, location_id):
                    continue
                if rule.times is not None and self._used[number] >= rule.times:
                    continue
                if self._random(f"{number}|{identity}|{attempt}") < rule.rate:
                    self._used[number] += 1
                    self.met[rule.kind] += 1
                    return rule
        return None

    def _random(self, text: str) -> float:
        """A number from 0 to 1 that depends only on the seed and the text."""
        digest = blake2b(f"{self.seed}|{text}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64


def _possible(kind: FaultKind, endpoint: str) -> bool:
    if kind == "empty_list":
        return endpoint in LISTS
    if kind == "other_tenant":
        return endpoint in LISTS or endpoint in BY_ID
    return endpoint in BY_ID or not kind.startswith("gone_")
