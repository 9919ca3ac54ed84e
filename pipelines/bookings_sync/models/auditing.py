"""Auditing: runs the audits of one model and collects what fails.

Input:  a model, its set audits, and a function that runs a query.
Output: `ModelAudit`: rows, number of audits, failures with the keys of some failing rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlglot import exp

from bookings_sync.models.audits import row_audits
from bookings_sync.models.errors import AuditFailure
from bookings_sync.models.project import Model

SAMPLE_ROWS = 5
"""Failing rows that an audit failure shows the keys of."""

Rows = Callable[[exp.Query], Sequence[Sequence[Any]]]


class ModelAudit(NamedTuple):
    rows: int
    audits: int
    failures: tuple[AuditFailure, ...]


def audit_model(model: Model, set_audits: Mapping[str, exp.Query], rows: Rows) -> ModelAudit:
    """Runs every audit, even after one has failed."""
    total, failures = audit_rows(model, rows)
    failures += audit_sets(model, set_audits, rows)
    return ModelAudit(total, len(row_audits(model)) + len(set_audits), tuple(failures))


def audit_rows(model: Model, rows: Rows) -> tuple[int, list[AuditFailure]]:
    """The number of rows, and the failures of the row audits. All share one pass over the table."""
    table = exp.Table(this=exp.to_identifier(model.name), db=exp.to_identifier(model.layer))
    conditions = row_audits(model)
    counts = [exp.CountIf(this=condition) for condition in conditions.values()]
    (first,) = rows(exp.select(exp.Count(this=exp.Star()), *counts).from_(table.copy()))
    total, *failing = (int(count or 0) for count in first)
    failures: list[AuditFailure] = []
    for (name, condition), count in zip(conditions.items(), failing, strict=True):
        if count:
            failing_rows = exp.select(*model.header.key).from_(table.copy()).where(condition)
            failures.append(_failure(model, name, failing_rows, count, rows))
    return total, failures


def audit_sets(model: Model, set_audits: Mapping[str, exp.Query], rows: Rows) -> list[AuditFailure]:
    failures: list[AuditFailure] = []
    for name, query in set_audits.items():
        ((count,),) = rows(exp.select(exp.Count(this=exp.Star())).from_(query.subquery("failing")))
        if count:
            failures.append(_failure(model, name, query, count, rows))
    return failures


def _failure(model: Model, audit: str, query: exp.Query, count: int, rows: Rows) -> AuditFailure:
    key = model.header.key
    # Only the key, whatever the audit's query returns: messages must not hold personal data.
    sample = exp.select(*key).from_(query.subquery("failing")).order_by(*key).limit(SAMPLE_ROWS)
    return AuditFailure(model.name, audit, count, key, tuple(tuple(row) for row in rows(sample)))
