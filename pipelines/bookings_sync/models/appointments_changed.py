"""Appointments changed: the appointments with versions that the models were not built from.

Input:  the raw table of appointments and its version, now and when the published VERSIONS were built from it.
Output: the temporary table CHANGED with one row for each changed appointment; `find_changed` counts them.

Changes are not guessed from a clock. The newest versions are only a guess, which counts if the raw table's fingerprint
without them is the fingerprint of the last build. Otherwise every version in the raw table is compared, by key, start
and end, with the versions that the models were built from. So a load that finished late and a rewritten history are
both found.
"""

from __future__ import annotations

from sqlglot import exp

from bookings_sync.models.deltas import count
from bookings_sync.models.destination import Destination
from bookings_sync.models.header import BY_APPOINTMENT
from bookings_sync.models.raw_versions import fingerprint, row_hash
from bookings_sync.records.tables import APPOINTMENTS

VERSIONS = "stg_appointment_versions"
"""The model that holds every version of every appointment."""

CHANGED = "bookings_changed"
"""A temporary table: the keys of the changed appointments, in columns named BY_APPOINTMENT."""

RAW_KEY = dict(zip(BY_APPOINTMENT, APPOINTMENTS.key, strict=True))

_MOST_CHANGED = 0.2
"""Part of all versions. If more have changed, a full build costs no more than an incremental one."""

_DIFFERENT = "bookings_different"
"""A temporary table: one row for each version that only the raw table or only the models hold."""


def find_changed(destination: Destination, raw: exp.Expr, before: str, now: str) -> int | None:
    """Makes the table CHANGED and returns its number of rows. None if too many changed, or if keys are not reliable.

    `before` and `now` are the raw table's versions (`raw_versions`).
    """
    held = destination.sql(exp.alias_(raw, "held", table=True))
    if before == now:
        _make(destination, held, "FALSE")
        return 0
    versions = destination.sql(destination.table("staging", VERSIONS))
    newest = f"(SELECT GREATEST(MAX(valid_from), MAX(valid_to)) FROM {versions})"  # noqa: S608 - our own names
    is_newer = f"(_dlt_valid_from > {newest} OR _dlt_valid_to > {newest})"
    rows = int(now.partition(":")[0])
    if _explains(destination, held, is_newer, f"_dlt_valid_from > {newest}", before, now):
        if count(destination, f"{held} WHERE {is_newer}") > _MOST_CHANGED * rows:
            return None
        return _make(destination, held, is_newer)
    return _compared(destination, raw, destination.table("staging", VERSIONS), rows)


def _make(destination: Destination, held: str, condition: str) -> int:
    columns = ", ".join(f"{raw} AS {name}" for name, raw in RAW_KEY.items())
    destination.make_temporary(CHANGED, f"SELECT DISTINCT {columns} FROM {held} WHERE {condition}")  # noqa: S608
    return count(destination, CHANGED)


def _explains(destination: Destination, held: str, is_newer: str, is_new: str, before: str, now: str) -> bool:
    """Whether the newest versions, and the ends that they gave to the versions before them, are all that changed."""
    hashed, hashed_before = (row_hash(destination, APPOINTMENTS, as_current=each) for each in (False, True))
    ((new, sum_new, sum_ended, sum_before),) = destination.execute(
        f"SELECT SUM(CASE WHEN {is_new} THEN 1 ELSE 0 END), SUM(CASE WHEN {is_new} THEN {hashed} END),"  # noqa: S608
        f" SUM(CASE WHEN {is_new} THEN NULL ELSE {hashed} END),"
        f" SUM(CASE WHEN {is_new} THEN NULL ELSE {hashed_before} END) FROM {held} WHERE {is_newer}"
    )
    if new is None:
        return False
    rows, total = (int(each) for each in now.split(":"))
    earlier = total - int(sum_new or 0) - int(sum_ended or 0) + int(sum_before or 0)
    return fingerprint(rows - int(new), earlier) == before


def _compared(destination: Destination, raw: exp.Expr, versions: exp.Expr, rows: int) -> int | None:
    destination.make_temporary(_DIFFERENT, destination.sql(_differences(raw, versions)))
    without_key = " OR ".join(f"{name} IS NULL" for name in BY_APPOINTMENT)
    conditions = ("is_held", "is_built", without_key)
    counts = exp.select(*(exp.CountIf(this=exp.condition(each)) for each in conditions)).from_(_DIFFERENT)
    only_held, only_built, keyless = (int(each or 0) for each in destination.rows(counts)[0])
    built = count(destination, destination.sql(versions))
    # A duplicate version joins the same partner as its twin, so only the totals reveal it.
    if keyless or rows - only_held != built - only_built or only_held + only_built > _MOST_CHANGED * rows:
        return None
    keys = exp.select(*BY_APPOINTMENT).distinct().from_(_DIFFERENT)
    destination.make_temporary(CHANGED, destination.sql(keys))
    return count(destination, CHANGED)


def _differences(raw: exp.Expr, versions: exp.Expr) -> exp.Query:
    """Versions that only one side holds, or that end differently: key, `is_held` (in raw), `is_built` (in models)."""
    raw_key = {name: exp.column(source, "held") for name, source in RAW_KEY.items()}
    built_key = {name: exp.column(name, "built") for name in BY_APPOINTMENT}
    began, ended = exp.column("_dlt_valid_from", "held"), exp.column("_dlt_valid_to", "held")
    matches = [built_key[name].eq(raw_key[name]) for name in BY_APPOINTMENT]
    matches.append(exp.column("valid_from", "built").eq(began))
    not_held, not_built = began.is_(exp.null()), exp.column("valid_from", "built").is_(exp.null())
    ends_differ = exp.NullSafeNEQ(this=ended, expression=exp.column("valid_to", "built"))
    key = (exp.alias_(exp.func("COALESCE", raw_key[name], built_key[name]), name) for name in BY_APPOINTMENT)
    return (
        exp.select(*key, exp.alias_(not_held.not_(), "is_held"), exp.alias_(not_built.not_(), "is_built"))
        .from_(exp.alias_(raw, "held", table=True))
        .join(exp.alias_(versions, "built", table=True), on=exp.and_(*matches), join_type="full")
        .where(exp.or_(not_held, not_built, ends_differ))
    )
