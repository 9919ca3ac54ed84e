"""`bookings docs`: the data dictionary, as a page to keep beside the tables.

Input:  the models and the raw tables' declaration; the datasets' names. No warehouse is asked.
Output: one HTML file.
"""

from __future__ import annotations

from pathlib import Path

from bookings_sync.cli.console import Output, styled
from bookings_sync.cli.pages import write_page
from bookings_sync.config.load import load_settings
from bookings_sync.dictionary import build
from bookings_sync.dictionary.page import render
from bookings_sync.models.access import datasets
from bookings_sync.models.project import Project, find_models


def run_docs(output: Output, *, out: Path) -> int:
    """Writes the page. Returns the exit code; raises BookingsError where it cannot be written."""
    names = datasets(load_settings(need_locations=False))
    dictionary = build(Project.load(find_models()))
    write_page(render(dictionary, names), out)
    tables, columns = len(dictionary.tables), sum(1 for _ in dictionary.columns())
    output.say(
        styled(f"✓ {out}", "bold green"), f"  {tables} tables, {columns} columns: open it in a browser, offline too."
    )
    output.result(outcome="ok", page=str(out), tables=tables, columns=columns, exit_code=0)
    return 0
