"""What goes wrong between a client and the API, on purpose.

Input:  rules, in Python or as JSON by `POST /sandbox/faults`.
Output: for each request, the fault that meets it, if any; `gate` carries it out.

Which request is met follows from the seed and the request itself (its method, path, query and how often it was made),
not from the order in which concurrent requests happen to arrive: the same run meets the same faults.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any, Literal, get_args

FaultKind = Literal[
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
"""429 without Retry-After, with seconds, with an HTTP date; 5xx with an HTML body; `slow`: a pause of `seconds`, then
the real reply; `reset`: the connection is reset before anything is done, `reset_after`: once it was; `truncated`: the
body ends before its Content-Length; `cut`: the body is half, and its Content-Length agrees; `list`, `null`, `string`:
JSON of the wrong type; `html`: a page with status 200."""

BEFORE = frozenset({"429", "429_seconds", "429_date", "500", "502", "503", "reset", "html"})
"""Faults of a proxy in front: the API itself never sees the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule. Of the requests it fits, it meets `rate` (0 to 1), at most `times` in all.

    `endpoints` are methods with path templates (`GET /appointments/`), none meaning all; `location_id` None means all.
    `seconds` is the length of `slow`, or what Retry-After says.
    """

    kind: FaultKind
    rate: float = 1.0
    endpoints: tuple[str, ...] = ()
    location_id: str | None = None
    times: int | None = None
    seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"no fault {self.kind!r}; there are: {', '.join(get_args(FaultKind))}")
        if not 0 <= self.rate <= 1:
            raise ValueError("a fault's rate lies between 0 and 1")


class Faults:
    """Rules tried in order; the first that meets a request wins. `met` counts the requests met, by kind."""

    def __init__(self, rules: Iterable[Fault] = (), *, seed: int = 0) -> None:
        self.rules, self.seed = tuple(rules), seed
        self.met: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._asked: Counter[str] = Counter()
        self._used = [0] * len(self.rules)

    @classmethod
    def from_json(cls, settings: Mapping[str, Any]) -> Faults:
        """Raises ValueError for a rule that cannot be.

        `{"seed": 1, "rules": [{"kind": "503", "rate": 0.1, "endpoints": ["GET /appointments/"]}]}`
        """
        try:
            rules = [
                Fault(**{**rule, "endpoints": tuple(rule.get("endpoints", ()))}) for rule in settings.get("rules", ())
            ]
        except TypeError as error:
            raise ValueError(f"not a fault rule: {error}") from error
        return cls(rules, seed=settings.get("seed", 0))

    def as_json(self) -> dict[str, Any]:
        return {"seed": self.seed, "rules": [asdict(rule) for rule in self.rules], "met": dict(self.met)}

    def pick(self, endpoint: str, location_id: str | None, identity: str) -> Fault | None:
        """The fault that meets this request; `identity` is its method, path and query."""
        if not self.rules:
            return None
        with self._lock:
            self._asked[identity] += 1
            attempt = self._asked[identity]
            for number, rule in enumerate(self.rules):
                if rule.endpoints and endpoint not in rule.endpoints:
                    continue
                if rule.location_id not in (None, location_id):
                    continue
                if rule.times is not None and self._used[number] >= rule.times:
                    continue
                if self._chance(f"{number}|{identity}|{attempt}") < rule.rate:
                    self._used[number] += 1
                    self.met[rule.kind] += 1
                    return rule
        return None

    def _chance(self, text: str) -> float:
        digest = blake2b(f"{self.seed}|{text}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64
