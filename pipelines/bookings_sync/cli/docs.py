"""Carries out `bookings docs`: writes the data dictionary.

Input:  the headers of the models, the declared raw tables, the names of the datasets. The warehouse is not opened.
Output: one HTML file.
"""

from __future__ import annotations

from pathlib import Path

from bookings_sync.cli.formatting import styled
from bookings_sync.cli.html_file import write_html
from bookings_sync.cli.output import Output
from bookings_sync.config.load import load_settings
from bookings_sync.dictionary import build
from bookings_sync.dictionary.page import render
from bookings_sync.models.access import datasets
from bookings_sync.models.project import Project, find_models


def run_docs(output: Output, *, out: Path) -> int:
    """Writes the page. Returns the exit code."""
    names = datasets(load_settings(need_locations=False))
    dictionary = build(Project.load(find_models()))
    write_html(render(dictionary, names), out)
    metrics, tables, columns = len(dictionary.metrics), len(dictionary.tables), sum(1 for _ in dictionary.columns())
    said = f"  {metrics} metrics, {tables} tables, {columns} columns. Open it in a browser, also offline."
    output.print(styled(f"✓ {out}", "bold green"), said)
    output.print_json(outcome="ok", page=str(out), metrics=metrics, tables=tables, columns=columns, exit_code=0)
    return 0
