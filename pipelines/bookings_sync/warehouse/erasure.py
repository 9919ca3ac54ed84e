"""Erasure: rewrites the history by the present privacy rules, or without one contact.

Input:  dlt's SQL client on the raw dataset; the rules; the contacts to erase.
Output: the raw tables without the values, in one transaction together with the receipt; the number of rows by table.

Versions stay, and only their values go, so the history keeps its shape. Every row becomes what a sync would decode now:
a later sync finds it unchanged. Only the custom fields of an erased contact are deleted, and the ledger's count of
versions is corrected with them. The ledger's digests of replies that held the values are withdrawn: guesses could be
tested with them, and the next sync compares these replies record by record.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from dlt.destinations.sql_client import SqlClientBase
from pendulum import DateTime

from bookings_sync.errors import BookingsError
from bookings_sync.planning.ledger import LOST
from bookings_sync.records.erased import Erased, Identifier, normalized
from bookings_sync.records.privacy import Privacy
from bookings_sync.records.rows import Rejected
from bookings_sync.records.stored import ErasedRows, RulesForRows
from bookings_sync.records.tables import APPOINTMENTS, CONTACT_CUSTOM_FIELDS, CONTACTS, TABLES, Table
from bookings_sync.records.values import canonical
from bookings_sync.warehouse.erasures import Erasures
from bookings_sync.warehouse.raw_tables import RawTables
from bookings_sync.warehouse.rewriting import ROWS_AT_ONCE, Rewriting, Row, can_rewrite


@dataclass(slots=True)
class Found:
    """What one erasure changes. `contacts` are (location, contact) pairs, with the email addresses and telephone
    numbers of each as (kind, value) pairs. `rows` counts the rows by table."""

    contacts: dict[tuple[str, str], set[tuple[Identifier, str]]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def count(self, table: str, number: int) -> None:
        if number:
            self.rows[table] = self.rows.get(table, 0) + number


class Erasure:
    """Rewrites the raw tables. Callers hold the dataset's lock."""

    def __init__(self, client: SqlClientBase[Any], privacy: Privacy, at: DateTime) -> None:
        if not can_rewrite(client):
            raise BookingsError(
                "bookings forget erases in DuckDB files and PostgreSQL only. Other destinations keep old files: "
                "see docs/privacy.md. Nothing was changed."
            )
        self._client = client
        self._raw = RawTables(client)
        self._privacy = privacy
        self._at = at
        self._rewriting = Rewriting(client)
        self.erasures = Erasures(client)

    # -- find ----------------------------------------------------------------------------------------------------------

    def contacts(self, kind: Identifier, value: str, location_ids: Collection[str]) -> Found:
        """The contacts with this id, email address or telephone number, in any version of these locations."""
        found = Found()
        hashed = {str(each) for each in self._hashes(kind, value)}
        wanted = normalized(kind, value)
        for row in self._rows(CONTACTS.name, ("location_id", "id", "email", "email_lower_case", "phone")):
            held = {"contact": (row["id"],), "email": (row["email"], row["email_lower_case"]), "phone": (row["phone"],)}
            matches = any(each in hashed or (each and normalized(kind, each) == wanted) for each in held[kind])
            if matches and row["location_id"] in location_ids:
                found.contacts.setdefault((row["location_id"], row["id"]), set())
        if kind == "contact":
            for row in self._rows(APPOINTMENTS.name, ("location_id", "contact_id")):
                if row["contact_id"] == value and row["location_id"] in location_ids:
                    found.contacts.setdefault((row["location_id"], value), set())
        for row in self._rows(CONTACTS.name, ("location_id", "id", "email", "email_lower_case", "phone")):
            identifiers = found.contacts.get((row["location_id"], row["id"]))
            if identifiers is not None:
                pairs: tuple[tuple[Identifier, str], ...] = (
                    ("email", row["email"]), ("email", row["email_lower_case"]), ("phone", row["phone"])
                )  # fmt: skip
                identifiers.update(pair for pair in pairs if pair[1] and normalized(*pair))
        return found

    def _hashes(self, kind: Identifier, value: str) -> list[Any]:
        """What the columns hold of the value if it is hashed."""
        table_field = {"email": "email", "phone": "phone"}.get(kind)
        if table_field is None or self._privacy.rules[table_field] != "hash":  # type: ignore[index]
            return []
        return [self._privacy.contact({table_field: value}).get(table_field)]

    def location_names(self) -> dict[str, str]:
        """The name of each location by id."""
        rows = self._rows("locations", ("location_id", "name"))
        return {row["location_id"]: row["name"] for row in rows}

    # -- erase ---------------------------------------------------------------------------------------------------------

    def by_rules(self, *, apply: bool) -> Found:
        """Rewrites every version by the present rules."""
        found = Found()
        rows = RulesForRows(self._privacy)
        with self._client.begin_transaction():
            rows.unruly_contacts = self._contacts_with_clear_fields(rows)
            for table in self._histories():
                found.count(table.name, self._rewriting.rewrite(table, rows.of, apply=apply))
            self._rejected(rows.rejected, found, apply=apply)
            if apply:
                if found.rows:
                    self._withdraw_digests()
                self.erasures.begin(self._at)
        return found

    def of_contacts(self, found: Found, asked: Collection[tuple[str, Identifier, str]], *, apply: bool) -> Found:
        """Erases the contacts of `found`. `asked` are the identifiers by which the user named them."""
        found.rows.clear()
        erased = self.erasures.open(self._at) if apply else Erased(b"plan")
        marks = {erased.mark(location_id, "contact", contact_id) for location_id, contact_id in found.contacts}
        for (location_id, _), identifiers in found.contacts.items():
            marks |= {erased.mark(location_id, kind, value) for kind, value in identifiers}
        marks |= {erased.mark(*each) for each in asked}
        everyone = Erased(erased.salt, erased.marks | marks)
        rows = ErasedRows(self._privacy, everyone, found.contacts)
        with self._client.begin_transaction():
            for table in self._histories():
                if table is not CONTACT_CUSTOM_FIELDS:
                    found.count(table.name, self._rewriting.rewrite(table, rows.of, apply=apply))
            self._delete_custom_fields(found, apply=apply)
            self._rejected(rows.rejected, found, apply=apply)
            self._delete_holds(found, apply=apply)
            if apply:
                self._forget_ids(found)
                self._withdraw_digests({location_id for location_id, _ in found.contacts})
                receipt = {
                    "erasure_id": uuid.uuid4().hex,
                    "erased_at": self._at.in_timezone("UTC").to_iso8601_string(),
                    "contacts": len(found.contacts),
                    "rows": found.rows,
                }
                self.erasures.add(receipt, marks, self._at)
                self.erasures.begin(self._at)
        return found

    def clear_staging(self) -> None:
        """Empties the tables in which dlt stages each load."""
        names = [table.name for table in TABLES.values()]
        with self._client.with_staging_dataset():
            raw = RawTables(self._client)
            for name in [name for name in names if raw.columns(name)]:
                self._client.execute_sql(f"DELETE FROM {raw.name(name)}")  # noqa: S608 - our own names

    # -- tables --------------------------------------------------------------------------------------------------------

    def _histories(self) -> list[Table]:
        return [table for table in TABLES.values() if table.history and self._raw.columns(table.name)]

    def _rows(self, name: str, columns: Collection[str]) -> Iterator[Row]:
        """Some columns of all rows, and nothing if there is no such table."""
        held = self._raw.columns(name)
        if not held:
            return
        names = ", ".join(each if each in held else f"NULL AS {each}" for each in columns)
        with self._client.execute_query(f"SELECT DISTINCT {names} FROM {self._raw.name(name)}") as cursor:  # noqa: S608
            for chunk in cursor.iter_arrow(chunk_size=ROWS_AT_ONCE):
                yield from chunk.to_pylist()

    def _contacts_with_clear_fields(self, rows: RulesForRows) -> set[tuple[str, str]]:
        """The contacts whose current custom fields were loaded under other rules."""
        name = CONTACT_CUSTOM_FIELDS.name
        if not self._raw.columns(name):
            return set()
        columns = ", ".join(CONTACT_CUSTOM_FIELDS.names)
        sql = f"SELECT {columns}, _dlt_valid_to FROM {self._raw.name(name)} WHERE _dlt_valid_to IS NULL"  # noqa: S608
        found = set()
        with self._client.execute_query(sql) as cursor:
            for chunk in cursor.iter_arrow(chunk_size=ROWS_AT_ONCE):
                for row in chunk.to_pylist():
                    if rows.of(CONTACT_CUSTOM_FIELDS, row):
                        found.add((row["location_id"], row["contact_id"]))
        return found

    def _delete_custom_fields(self, found: Found, *, apply: bool) -> None:
        name = CONTACT_CUSTOM_FIELDS.name
        if not self._raw.columns(name):
            return
        for location_id in {each for each, _ in found.contacts}:
            ids = [contact_id for each, contact_id in found.contacts if each == location_id]
            where = self._raw.with_ids(location_id, "contact_id", ids)
            ((versions, ended),) = [
                (row["versions"], row["ended"])
                for row in self._raw.dicts(
                    f"SELECT count(*) AS versions, count(_dlt_valid_to) AS ended FROM {self._raw.name(name)}"  # noqa: S608
                    f" WHERE {where}"
                )
            ]
            found.count(name, int(versions))
            if apply and versions:
                self._client.execute_sql(f"DELETE FROM {self._raw.name(name)} WHERE {where}")  # noqa: S608
                self._correct_contents(location_id, name, int(versions), int(ended))

    def _correct_contents(self, location_id: str, table: str, versions: int, ended: int) -> None:
        """The ledger must not take deleted versions for lost ones."""
        reads = self._raw.name("reads")
        where = f"location_id = {self._raw.literal(location_id)} AND endpoint = 'contents'"
        for row in self._raw.dicts(f"SELECT read_id, contents FROM {reads} WHERE {where}"):  # noqa: S608
            contents = json.loads(row["contents"] or "{}")
            if table in contents:
                contents[table] = [contents[table][0] - versions, contents[table][1] - ended]
                text = self._raw.literal(json.dumps(contents, sort_keys=True, separators=(",", ":")))
                key = self._raw.literal(row["read_id"])
                self._client.execute_sql(f"UPDATE {reads} SET contents = {text} WHERE read_id = {key}")  # noqa: S608

    def _withdraw_digests(self, location_ids: Collection[str] | None = None) -> None:
        """Replies are compared record by record again."""
        if not self._raw.columns("reads"):
            return
        if location_ids is None:
            where = "endpoint <> 'contents'"
        else:
            where = f"endpoint = 'appointments' AND location_id IN ({self._raw.literals(sorted(location_ids))})"
        self._client.execute_sql(
            f"UPDATE {self._raw.name('reads')} SET reply_digest = NULL, record_digests = NULL WHERE {where}"  # noqa: S608
        )

    def _forget_ids(self, found: Found) -> None:
        """Ids of contacts that are no longer in any row: of contacts that the API does not know, and in the cursor of
        the reads of contacts. These begin anew."""
        location_ids = {location_id for location_id, _ in found.contacts}
        if self._raw.columns("look_ups"):
            for location_id in location_ids:
                ids = [contact_id for each, contact_id in found.contacts if each == location_id]
                where = f"scope = 'contact' AND {self._raw.with_ids(location_id, 'id', ids)}"
                self._client.execute_sql(f"DELETE FROM {self._raw.name('look_ups')} WHERE {where}")  # noqa: S608
        if self._raw.columns("reads"):
            where = f"endpoint = 'contacts' AND location_id IN ({self._raw.literals(sorted(location_ids))})"
            lost = self._raw.literal(LOST)
            self._client.execute_sql(f"UPDATE {self._raw.name('reads')} SET rules = {lost} WHERE {where}")  # noqa: S608

    def _rejected(self, cleared: Callable[[str, str, Any], Any], found: Found, *, apply: bool) -> None:
        """Rewrites the rejected records. `cleared` returns what stays of one, or `stored.NOTHING`."""
        if not self._raw.columns("rejected_records"):
            return
        name = self._raw.name("rejected_records")
        rows = self._raw.dicts(f"SELECT rejection_id, location_id, table_name, reason, record FROM {name}")  # noqa: S608
        ids = {row["rejection_id"] for row in rows}
        for row in rows:
            record = json.loads(row["record"])
            left = cleared(row["table_name"], row["location_id"], record)
            new = None
            if left is not None or record is None:
                new = Rejected(row["table_name"], row["location_id"], row["reason"], left)
                if canonical(left) == canonical(record):
                    continue
            found.count("rejected_records", 1)
            if not apply:
                continue
            where = f"rejection_id = {self._raw.literal(row['rejection_id'])}"
            if new is None or new.rejection_id in ids:
                self._client.execute_sql(f"DELETE FROM {name} WHERE {where}")  # noqa: S608
                continue
            ids.add(new.rejection_id)
            text, rejection_id = self._raw.literal(canonical(left).decode()), self._raw.literal(new.rejection_id)
            self._client.execute_sql(f"UPDATE {name} SET record = {text}, rejection_id = {rejection_id} WHERE {where}")  # noqa: S608

    def _delete_holds(self, found: Found, *, apply: bool) -> None:
        """Deletions that wait for evidence name records by their keys."""
        if not self._raw.columns("held_deletions"):
            return
        name = self._raw.name("held_deletions")
        for row in self._raw.dicts(f"SELECT hold_id, location_id, table_name, record_key FROM {name}"):  # noqa: S608
            key = json.loads(row["record_key"] or "[]")
            table = TABLES.get(row["table_name"])
            if table in (CONTACTS, CONTACT_CUSTOM_FIELDS) and key and (row["location_id"], key[0]) in found.contacts:
                found.count("held_deletions", 1)
                if apply:
                    where = f"hold_id = {self._raw.literal(row['hold_id'])}"
                    self._client.execute_sql(f"DELETE FROM {name} WHERE {where}")  # noqa: S608
