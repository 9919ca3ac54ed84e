"""Scopes: the service, team or user that a list call names.

Output: `Scope`. The plan names scopes together with windows, the API is asked by them, and the ledger records them.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["location", "service", "team", "user", "unlisted"]
"""`location`: the lists of teams and services, which are read whole. `unlisted`: appointments that no list call
returns, so each is asked for by its id."""

COLUMN: dict[str, str] = {"service": "service_id", "team": "team_id", "user": "user_id"}
"""The column of `appointments` with the id of the scope that lists an appointment. The API's fields are documented,
this mapping is inferred (DOC)."""


class Scope(NamedTuple):
    """One service, team or user; or the whole location."""

    kind: Kind
    id: str
