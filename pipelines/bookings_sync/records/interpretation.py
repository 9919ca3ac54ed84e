"""How this program reads replies: its columns, its decoding, its privacy rules, and the settings that matter.

Input:  the settings.
Output: `Interpretation`: a fingerprint of each endpoint for the ledger, and a declaration of each column. Pure.

The digest of a reply means "the warehouse holds what this reply said, as it was read then". If a new version of the
program reads replies in another way, the fingerprint differs, and the next runs look at the same replies again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from bookings_sync.config.settings import Settings
from bookings_sync.planning.ledger import Endpoint
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.schema import STAMPED, Column
from bookings_sync.records.tables import TABLES, Table
from bookings_sync.records.values import digest

REVISIONS: Mapping[str, int] = {}
"""By column ("appointments.start_time"): how many times its decoding has changed so that an equal record gives another
value. A key column stands for which records become rows. `test_interpretation` tells which numbers to raise."""

_SETTINGS: Mapping[Endpoint, tuple[str, ...]] = {
    "teams": (),
    "services": (),
    "appointments": ("include_contacts", "service_id_parameter", "reply_cap"),
    "slots": (),
    "contents": (),
}
"""Settings that decide what the replies of an endpoint contain, or whether a reply is complete. Replies that were read
with other values are read again. Slots are read in every run."""

Declarations = Mapping[str, Mapping[str, str]]
"""By table and column: what the values are made of. Equal texts mean that equal records give equal values."""


@dataclass(frozen=True, slots=True)
class Interpretation:
    """How replies are read. `rules` fingerprint everything that matters for an endpoint."""

    declarations: Declarations
    rules: Mapping[Endpoint, str]

    @classmethod
    def of(cls, settings: Settings) -> Interpretation:
        privacy = Privacy.of(settings)
        declarations = {
            table.name: {column.name: _declaration(table, column, privacy) for column in table.columns}
            for table in TABLES.values()
            if table.history
        }
        rules = {
            endpoint: digest(
                [
                    privacy.fingerprint,
                    {name: declarations[name] for name in _tables_of(endpoint)},
                    [[name, getattr(settings, name)] for name in _SETTINGS[endpoint]],
                ]
            )
            for endpoint in get_args(Endpoint)
        }
        return cls(declarations, rules)


def _tables_of(endpoint: Endpoint) -> list[str]:
    return [table.name for table in TABLES.values() if table.history and table.resource == endpoint]


def _declaration(table: Table, column: Column, privacy: Privacy) -> str:
    """What the column's values are made of, as text."""
    if column.name in STAMPED:
        return ""
    source = f"{column.derived.source}>{column.derived.compute.__name__}" if column.derived else column.source
    where = f"{table.nested.path}/{table.nested.form}" if table.nested else ""
    personal = column.personal or (table.nested.personal if table.nested else None)
    if column.name == "extra":
        personal = "other"
    rule: str = privacy.rules[personal] if personal else "keep"
    if rule == "hash":
        rule += f" {privacy.fingerprint_of_key}"
    revision = REVISIONS.get(f"{table.name}.{column.name}", 1)
    return f"{column.type} {where}:{source} {rule} {revision}"
