"""Scopes: what a list call is asked by.

Input:  nothing.
Output: `Scope`, the address of a list call beside its window: planned by `plan`, asked for by `api`, recorded in the
        ledger.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["location", "service", "team", "user", "unlisted"]
"""`location`: teams and services, which are listed whole. `unlisted`: the appointments that no list call names any
more, each asked for by its id."""

COLUMN: dict[str, str] = {"service": "service_id", "team": "team_id", "user": "user_id"}
"""The column of `appointments` that says which scope lists an appointment (api.md: DOC, the mapping inferred)."""


class Scope(NamedTuple):
    """One service, team or user; or the whole location."""

    kind: Kind
    id: str
