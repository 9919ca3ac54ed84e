"""Clock: whether the passing of time changes a model, by the `Clock` of its header.

Input:  a model, the `$now` that it was built with, and the `$now` of this run.
Output: conditions in SQL on the rows that `$now` has passed. Time may also go back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import sqlglot
from pendulum import DateTime
from sqlglot import exp

from bookings_sync.models.destination import Destination
from bookings_sync.models.dialect import instant
from bookings_sync.models.project import Model


def grain_passed(
    destination: Destination, model: Model, clocks: Collection[str], then: DateTime, now: DateTime
) -> bool:
    """Whether an hour or a day began that the model depends on. `clocks` are those that its query reads. A model that
    reads `$now` and has no `Clock` depends on every moment."""
    if then == now:
        return False
    then, now = then.in_timezone("UTC"), now.in_timezone("UTC")
    if "hour" in clocks and then.start_of("hour") != now.start_of("hour"):
        return True
    if "today" in clocks and then.date() != now.date():
        return True
    if "now" not in clocks:
        return False
    if not model.header.clock:
        return True
    by_day = any(not each.table for each in model.header.clock)
    return by_day and (then.date() != now.date() or _local_day_passed(destination, then, now))


def rows_passed(
    destination: Destination, model: Model, table_for: Callable[[str, str], exp.Expr], then: DateTime, now: DateTime
) -> list[str]:
    """For each row condition of the model's `Clock`: a table and a condition in SQL, `FROM …` to the end, which selects
    the rows that `$now` has passed."""
    first, last = sorted((then, now))
    found = []
    for each in model.header.clock if then != now else ():
        if each.table:
            value = sqlglot.parse_one(each.expression, read="duckdb")
            passed = exp.Between(this=exp.paren(value), low=instant(first), high=instant(last))
            query = exp.select("1").from_(exp.alias_(table_for(each.layer, each.table), each.table, table=True))
            found.append(destination.sql(query.where(passed)).removeprefix("SELECT 1 "))
    return found


def _local_day_passed(destination: Destination, then: DateTime, now: DateTime) -> bool:
    location = destination.sql(destination.table("marts", "dim_location"))
    before, after = (f"CAST({destination.sql(instant(each))} AT TIME ZONE timezone AS DATE)" for each in (then, now))
    rows = destination.execute(f"SELECT 1 FROM {location} WHERE {before} <> {after} LIMIT 1")  # noqa: S608
    return bool(rows)
