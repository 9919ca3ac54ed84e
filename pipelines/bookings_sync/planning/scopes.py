"""Scopes: the service, team or user that a list call names.

Output: `Scope`. The plan names scopes together with windows, the API is asked by them, and the ledger records them.

An appointment belongs to the list that it came from, whatever its own fields say. Nearly always a field names that
list. Where none does, the column `listed_by` records the list, and stands in for the field (`ids_of_lists`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, cast

Kind = Literal["location", "service", "team", "user", "unlisted", "contact"]
"""`location`: the lists of teams and services, which are read whole. `unlisted`: appointments that no list call
returns, so each is asked for by its id. `contact`: contacts that an API lists on their own."""

COLUMN: dict[Kind, str] = {"service": "service_id", "team": "team_id", "user": "user_id"}
"""The column of `appointments` with the id of the scope that lists an appointment. The API's fields are documented,
this mapping is inferred (DOC)."""


class Scope(NamedTuple):
    """One service, team or user; or the whole location."""

    kind: Kind
    id: str

    @property
    def text(self) -> str:
        """The scope as the column `listed_by` names it, such as `service:9Xb…`."""
        return f"{self.kind}:{self.id}"


UNLISTED = Scope("unlisted", "")
"""The scope of the appointments that no list call returns."""

CONTACT = Scope("contact", "")
"""The scope of contacts that were asked for by their ids."""


def scope_of(text: str) -> Scope:
    """The scope that `Scope.text` names. Ids may contain colons, kinds do not."""
    kind, _, scope_id = text.partition(":")
    return Scope(cast(Kind, kind), scope_id)


def ids_of_lists(columns: Mapping[Kind, str | None], listed_by: str | None) -> dict[Kind, str | None]:
    """By kind, the id of the list that should contain an appointment: its own field, unless it came from another list
    of that kind. `columns` are the values of its scope columns by kind."""
    if listed_by is None:
        return dict(columns)
    came_from = scope_of(listed_by)
    return {**columns, came_from.kind: came_from.id}
