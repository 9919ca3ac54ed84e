"""Report: the marts as tables for a terminal and as an HTML page.

Input:  the marts dataset that `transform` published; dlt's SQL client; the report's time.
Output: `report_tables` (module `answers`): one table for each headline question. `collect` (module `figures`): all
        counts of the page. `render` (module `page`): one self-contained HTML file.
"""

from __future__ import annotations

from bookings_sync.models.destination import Datasets
from bookings_sync.report.answers import ReportTable, report_tables
from bookings_sync.report.figures import Figures, Freshness, Health, collect
from bookings_sync.report.page import render

__all__ = ["Datasets", "Figures", "Freshness", "Health", "ReportTable", "collect", "render", "report_tables"]
