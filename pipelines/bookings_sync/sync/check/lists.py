"""Lists of appointments: which scopes list everything, and what the records say about themselves."""

from __future__ import annotations

import re
from typing import Any

from bookings_sync.api import Scope
from bookings_sync.config.keys import CONFIG_FILE
from bookings_sync.config.settings import ScopeKind
from bookings_sync.errors import ApiError
from bookings_sync.planning.windows import Window
from bookings_sync.records.deletion_marks import DeletionMarks
from bookings_sync.records.instants import instant_ms
from bookings_sync.sync.check.state import State

_DAYS_BACK, _DAYS_AHEAD = 24, 7
"""Days before and after now in the window that is tried: 31 together, which every API of this kind allows."""
_KINDS: tuple[ScopeKind, ...] = ("service", "team", "user")
_DELETED = re.compile(r"delete|removed|archived|trash", re.IGNORECASE)
"""Words in the names of fields, or in a status, that may mean a deletion."""

Listed = dict[ScopeKind, dict[str, dict[str, Any]]]
"""Records by id, by what they were listed by."""


def list_appointments(state: State) -> None:
    """Lists the same days by service, team and user, to see whether the configured scopes miss any appointment."""
    found: Listed = {kind: {} for kind in _KINDS}
    failed: dict[ScopeKind, ApiError] = {}
    window = Window.between(state.now.subtract(days=_DAYS_BACK), state.now.add(days=_DAYS_AHEAD))
    for kind in _KINDS:
        for scope_id in state.ids(kind):
            try:
                records = state.listed(Scope(kind, scope_id), window)
            except ApiError as error:
                failed[kind] = error
                break
            if records and (state.longest is None or len(records) > len(state.longest[1])):
                state.longest = Scope(kind, scope_id), records
            found[kind].update({str(each["id"]): each for each in records if "id" in each})
    for kind in state.settings.scopes:
        if kind in failed:
            fix = f"Choose other scopes in {CONFIG_FILE}{_or_parameter(state)}."
            state.find("appointments", "failed", f"by {kind}: {failed[kind]}", fix)
        state.appointments.update(found[kind])
    _find_unread_starts(state)
    counts = {kind: _counted(found[kind]) for kind in _KINDS if kind not in failed}
    _compare_scopes(state, found, counts, is_complete=not any(kind in failed for kind in state.settings.scopes))


def _compare_scopes(state: State, found: Listed, counts: dict[ScopeKind, str], *, is_complete: bool) -> None:
    said = ", ".join(f"{count} by {kind}" for kind, count in counts.items())
    lacking, listed = [], dict(state.appointments)
    for kind in sorted(_KINDS, key=lambda kind: len(found[kind].keys() - listed.keys()), reverse=True):
        if found[kind].keys() - listed.keys():
            lacking.append(kind)
            listed |= found[kind]
    if lacking:
        scopes = ", ".join(f'"{kind}"' for kind in (*state.settings.scopes, *lacking))
        missed = {key: each for key, each in listed.items() if key not in state.appointments}
        state.find(
            "appointments",
            "note" if state.appointments else "failed",
            f"{said}: the configured scopes miss {_counted(missed)} of these 31 days",
            f"Write scopes = [{scopes}] in {CONFIG_FILE}{_or_parameter(state)}.",
        )
    elif is_complete:
        state.find("appointments", "ok", f"{said}, in 31 days: the configured scopes miss none")


def _or_parameter(state: State) -> str:
    return ", or correct service_id_parameter" if state.client.dialect.has_service_id_parameter else ""


def _counted(records: dict[str, dict[str, Any]]) -> str:
    """The number of records, and how many of them block time: those have no contact."""
    blocked = sum(1 for each in records.values() if not each.get("contactId") and not each.get("contact"))
    return f"{len(records):,}" + (f" ({blocked:,} blocked off)" if blocked else "")


def _find_unread_starts(state: State) -> None:
    """Starts that a sync cannot read: the appointments would be in no report by day."""
    zone = state.location.timezone
    starts = {key: each.get("startTime") for key, each in state.appointments.items()}
    unread = sorted(key for key, start in starts.items() if start is not None and instant_ms(start, zone) is None)
    if unread:
        what = f"{len(unread):,} appointments have a start that cannot be read, such as {unread[0]}"
        fix = "Correct the record." if zone else f"If these are local times, set timezone in {CONFIG_FILE}."
        state.find("times", "note", what, fix)


def find_update_times(state: State) -> None:
    """Whether records say when they were last changed. A sync compares the records, whatever they say."""
    if not state.appointments:
        return
    told = sum(1 for each in state.appointments.values() if instant_ms(each.get("updatedAt")) is not None)
    what = f"{told:,} of {len(state.appointments):,} listed appointments say when they last changed"
    if told < len(state.appointments):
        state.find(
            "update times", "note", f"{what}: for the others, reports use the time of the run that saw the change"
        )
    else:
        state.find("update times", "ok", what)


def find_soft_deletion(state: State) -> None:
    """Looks for fields that may mark deleted records (UNK). For a sync, those of `deleted_when` do."""
    marks = DeletionMarks.of(state.settings.deleted_when)
    records = list(state.appointments.values())
    marked = len(records) - len(marks.unmarked(records))
    likely = {
        f"{name}={str(value).lower()}"
        for record in marks.unmarked(records)
        for name, value in record.items()
        if _may_mark_a_deletion(name, value)
    }
    if likely:
        fix = f"If they are deleted, add to deleted_when in {CONFIG_FILE}: {', '.join(sorted(likely)[:5])}."
        state.find("soft deletion", "note", "some listed appointments look deleted, and count as existing", fix)
    elif marked:
        what = f"{marked:,} listed appointments are marked as deleted, and count as deleted"
        state.find("soft deletion", "ok", what)
    elif records:
        state.find("soft deletion", "ok", "no listed appointment is marked as deleted")


def _may_mark_a_deletion(name: str, value: object) -> bool:
    """Whether a field looks as if it said that its record is deleted."""
    if isinstance(value, str) and "status" in name.lower():
        return bool(_DELETED.search(value))
    is_set = bool(value) and str(value).lower() != "false" and not isinstance(value, dict | list)
    return is_set and bool(_DELETED.search(name))
