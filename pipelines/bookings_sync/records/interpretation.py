"""How this program reads replies: its columns, its decoding, its privacy rules, and the settings that matter.

Input:  the settings.
Output: `Interpretation`: a fingerprint of each endpoint for the ledger, and a declaration of each column. Pure.

The digest of a reply means "the warehouse holds what this reply said, as it was read then". If a new version of the
program reads replies in another way, the fingerprint differs, and the next runs look at the same replies again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple, get_args

from bookings_sync.config.privacy import FIELDS_0_2, PersonalField
from bookings_sync.config.settings import Settings
from bookings_sync.planning.ledger import Endpoint
from bookings_sync.records.personal_fields import personal_field
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.schema import STAMPED, Column, Derived
from bookings_sync.records.tables import APPOINTMENTS, CONTACTS, TABLES, Table, nested_tables
from bookings_sync.records.values import digest

REVISIONS: Mapping[str, int] = {
    "services.team_id": 2,
    "services.google_calendar_id": 2,
    "services.clio_calendar_id": 2,
    "services.drchrono_calendar_id": 2,
    "services.slot_duration": 2,
    "services.slot_interval": 2,
    "services.slot_buffer": 2,
    "services.appointments_per_slot": 2,
    "services.appointments_per_day": 2,
    "services.allow_booking_after": 2,
    "services.allow_booking_for": 2,
    "services.custom_form_id": 2,
    "services.facebook_pixel_id": 2,
    "service_members.priority": 2,
    "appointments.start_time": 2,
    "appointments.end_time": 2,
    "appointments.created_at": 2,
    "appointments.updated_at": 2,
    "contacts.date_added": 2,
    "appointments.service_id": 2,
    "appointments.team_id": 2,
    "appointments.calendar_id": 2,
    "appointments.user_id": 2,
    "appointments.assigned_user_id": 2,
    "appointments.user_calendar_id": 2,
    "appointments.contact_id": 2,
    "appointments.api_location_id": 2,
    "contacts.id": 2,
    "contacts.api_location_id": 2,
}
"""By column ("appointments.start_time"): how many times its decoding has changed so that an equal record gives another
value. A key column decides which records become rows. `test_interpretation` names the numbers to raise."""

_SETTINGS: Mapping[Endpoint, tuple[str, ...]] = {
    "teams": ("deleted_when", "ignored_fields"),
    "services": ("deleted_when", "ignored_fields", "v2_sunday"),
    "appointments": (
        "include_contacts",
        "service_id_parameter",
        "v2_events_version",
        "reply_cap",
        "deleted_when",
        "ignored_fields",
    ),
    "contacts": ("ignored_fields",),
    "slots": (),
    "contents": (),
}
"""Settings that decide what the replies of an endpoint contain, or whether a reply is complete. Replies that were read
with other values are read again. Slots are read in every run."""

Declarations = Mapping[str, Mapping[str, str]]
"""By table and column: what the values are made of. Equal texts mean that equal records give equal values."""


class Alike(NamedTuple):
    """What two ways of reading a table have in common: its `columns` with equal declarations, and the `fields` (dotted
    paths) that either of them may have left in `extra`. `new` are columns that an earlier way did not fill."""

    columns: frozenset[str]
    fields: frozenset[str]
    new: frozenset[str]

    def finds_same_rows(self, table: Table) -> bool:
        """Whether both ways make rows of the same records. If a key column is filled from other fields, a row may come
        or go although nothing changed."""
        return set(table.key) - STAMPED <= self.columns


@dataclass(frozen=True, slots=True)
class Interpretation:
    """How replies are read. `rules` fingerprint everything that matters for an endpoint. Times without an offset are
    local times of `zone`."""

    declarations: Declarations
    rules: Mapping[Endpoint, str]
    zone: str | None = None

    @classmethod
    def of(
        cls, settings: Settings, zone: str | None = None, sources: Mapping[str, str] = MappingProxyType({})
    ) -> Interpretation:
        """`sources` has the API's fields for columns ("appointments.service_id") that `tables` finds elsewhere."""
        privacy = Privacy.of(settings)
        declarations = {
            table.name: {
                column.name: _declaration(table, column, privacy, zone, sources.get(f"{table.name}.{column.name}"))
                for column in table.columns
                if column.name not in STAMPED
            }
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
        return cls(declarations, rules, zone)

    def of_endpoint(self, endpoint: Endpoint) -> Declarations:
        """The declarations of the tables that the endpoint's replies fill."""
        return {name: self.declarations[name] for name in _tables_of(endpoint)}

    def alike(self, earlier: Iterable[Declarations]) -> dict[str, Alike]:
        """By table: what this way of reading has in common with all of the earlier ones."""
        found = {}
        for name, columns in self.declarations.items():
            others = [each.get(name, {}) for each in earlier]
            same = {column for column, text in columns.items() if all(other.get(column) == text for other in others)}
            differing = [text for each in (columns, *others) for column, text in each.items() if column not in same]
            nested = [
                where.path
                for child, where in nested_tables(TABLES[name])
                if any(child.name not in each for each in earlier)
            ]
            new = {column for column in columns if any(column not in other for other in others)}
            found[name] = Alike(frozenset(same), frozenset([*map(_field_of, differing), *nested]), frozenset(new))
        return found


def declared_before(settings: Settings, rules: str) -> Declarations:
    """How the versions before 0.3 read replies. Their ledger has the privacy rules alone as `rules`."""
    privacy = Privacy.of(settings)
    same_rules = rules.partition(" ")[0] == privacy.fingerprint_0_2
    text = files("bookings_sync.records").joinpath("declared_0_2.json").read_text(encoding="utf-8")
    declared: Declarations = json.loads(text)
    return {
        name: {
            column: f"{text}|{_rule_0_2(name, column, privacy) if same_rules else 'unknown'}"
            for column, text in columns.items()
        }
        for name, columns in declared.items()
    }


def endpoints_of(table: Table) -> list[Endpoint]:
    """The endpoints whose replies fill the table."""
    return [endpoint for endpoint in get_args(Endpoint) if table.name in _tables_of(endpoint)]


def _tables_of(endpoint: Endpoint) -> list[str]:
    if endpoint == "contacts":
        return [CONTACTS.name, *(child.name for child, _ in nested_tables(CONTACTS))]
    return [table.name for table in TABLES.values() if table.history and table.resource == endpoint]


def _declaration(table: Table, column: Column, privacy: Privacy, zone: str | None, source: str | None) -> str:
    """What the column's values are made of, as text."""
    of_table = [each for each in privacy.ignored if each.startswith(f"{table.name}.")]
    ignored = [each for each in of_table if column.name == "extra" or each == f"{table.name}.{column.source}"]
    without = f" without {', '.join(ignored)}" if ignored else ""
    in_zone = f" in {zone}" if zone and column.type == "timestamp" else ""
    return f"{made_of(table, column, source)}|{_rule(table, column, privacy)}{without}{in_zone}"


def made_of(table: Table, column: Column, source: str | None = None) -> str:
    """The same without the privacy rule: type, place, field and revision. `source` is another field than declared."""
    if source is None:
        source = f"{column.derived.source}>{_probed(column.derived)}" if column.derived else column.source or ""
    where = f"{table.nested.path}/{table.nested.form}" if table.nested else ""
    revision = REVISIONS.get(f"{table.name}.{column.name}", 1)
    return f"{column.type}|{where}|{source}|{revision}"


def _probed(derived: Derived) -> str:
    """What the function computes of a few values: it differs if the function does."""
    return digest(derived.compute([None, "Europe/Berlin", "US/Central", "nowhere", ["a", 1]]).to_pylist())[:8]


def _field_of(declaration: str) -> str:
    """The field of the API's record that a declaration names; "" if there is none."""
    return declaration.split("|")[2].partition(">")[0]


def _rule(table: Table, column: Column, privacy: Privacy) -> str:
    """The privacy rule of a column; with the key if its values are hashed."""
    rule = _rule_of(personal_field(table, column), privacy)
    # Versions before 0.3 kept values of another type than their column's.
    return f"{rule} all" if column.name == "extra" and rule != "keep" else rule


def _rule_0_2(table_name: str, column_name: str, privacy: Privacy) -> str:
    """The same as versions before 0.3 applied it, which had no rules for teams and services."""
    table = TABLES.get(table_name)
    column = next((each for each in table.columns if each.name == column_name), None) if table else None
    if table is None or column is None or table.resource != APPOINTMENTS.resource:
        return "keep"
    field = personal_field(table, column)
    return _rule_of(field if field in FIELDS_0_2 else None, privacy)


def _rule_of(field: PersonalField | None, privacy: Privacy) -> str:
    if field is None:
        return "keep"
    rule = privacy.rules[field]
    return f"{rule} {privacy.fingerprint_of_key}" if rule == "hash" else rule
