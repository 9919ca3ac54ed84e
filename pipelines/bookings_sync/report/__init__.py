"""Report: what the marts tell, as tables for a terminal and as a page to look at.

Input:  the marts dataset that `transform` published; dlt's own SQL client; the report's time.
Output: `report_tables` answers the headline questions one by one (`answers`). `collect` counts everything the page
        shows (`figures`), and `render` makes of it one self-contained HTML file (`page`).
"""

from __future__ import annotations

from bookings_sync.models.destination import Datasets
from bookings_sync.report.answers import ReportTable, report_tables
from bookings_sync.report.figures import Figures, Freshness, collect
from bookings_sync.report.page import render

__all__ = ["Datasets", "Figures", "Freshness", "ReportTable", "collect", "render", "report_tables"]
