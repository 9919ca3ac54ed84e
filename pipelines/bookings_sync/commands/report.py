"""`bookings report`: the headline questions, answered in the terminal.

Input:  the marts, as the last transform published them.
Output: one table for each question.
"""

from __future__ import annotations

from bookings_sync.commands.console import Output, table
from bookings_sync.commands.times import utc_now
from bookings_sync.commands.warehouse import datasets, open_client
from bookings_sync.report import ReportTable, report_tables
from bookings_sync.settings import load_settings


def run_report(output: Output) -> int:
    """Reports. Returns the exit code."""
    settings = load_settings(need_locations=False)
    with open_client(settings) as client:
        answers = report_tables(client, datasets(settings), utc_now())
    for answer in answers:
        rows = [[shown(name, value) for name, value in zip(answer.columns, row, strict=True)] for row in answer.rows]
        output.say(table(_headed(answer), rows, title=answer.title), *(() if rows else ("  nothing yet\n",)))
    output.result(
        outcome="ok",
        tables=[{"title": each.title, "columns": each.columns, "rows": each.rows} for each in answers],
        exit_code=0,
    )
    return 0


def _headed(answer: ReportTable) -> list[str]:
    return [name.replace("noshow", "no-show") for name in answer.columns]


def shown(column: str, value: object) -> object:
    """Parts of 1 are shown as per cent, by the rule of `report.ReportTable`: the column's name tells them."""
    if isinstance(value, float) and column.endswith(("rate", "share", "utilisation")):
        return f"{value:.0%}"
    return value
