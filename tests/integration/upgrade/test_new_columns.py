"""A newer program declares columns that an older one did not: the next runs fill them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from bookings_sync.sandbox import Switches
from integration.sync.conftest import Site, small
from support.older_program import NEW_COLUMNS, OTHER_VALUE, OlderProgram

LONG_PAST = {"lookback_days": 7, "max_window_days": 16, "history_start": date(2026, 6, 1)}
"""Most windows are cold: a run reads only a share of them again."""


def sync_by(older: OlderProgram, site: Site) -> None:
    """Syncs without the columns, and checks that they are missed."""
    older.without_columns(*NEW_COLUMNS).edited("records/tables.py", *OTHER_VALUE)
    assert older.sync(site.settings, site.world.now)["outcome"] == "ok"
    assert not site.query("FROM information_schema.columns WHERE column_name = 'is_recurring'")


def test_the_next_run_fills_new_columns(open_site: Callable[..., Site], older: OlderProgram) -> None:
    site = open_site(**LONG_PAST)
    sync_by(older, site)
    site.sync()
    assert site.live("appointments", "is_recurring IS NOT NULL")
    assert site.differences() == []
    assert site.sync().row["reads_unchanged"] > 0


def test_new_columns_come_within_the_budget(open_site: Callable[..., Site], older: OlderProgram) -> None:
    """The hot range is read in each run. What is left of the budget goes to the outdated windows."""
    site = open_site(small(services_per_location=1, future_days=15), horizon_days=20, **LONG_PAST)
    sync_by(older, site)
    requests = [site.sync(request_budget=10).row["requests"] for _ in range(6)]
    assert max(requests) <= 11
    assert site.differences() == []


def test_contacts_that_move_to_a_window_never_read(open_site: Callable[..., Site], older: OlderProgram) -> None:
    """The list in which the older program saw them shows them no more."""
    recent = {"lookback_days": 7, "history_start": date(2026, 10, 20)}
    site = open_site(**recent)
    sync_by(older, site)
    held = {row["id"] for row in site.live("appointments", "contact_id IS NOT NULL")}
    for row in list(site.world.data[site.location_id].by_start.all()):
        if row.id in held:
            site.world.reschedule(site.location_id, row.id, site.world.now - timedelta(days=400))
    site.sync(history_start=date(2025, 8, 1))
    assert site.live("contact_custom_fields", "value IS NOT NULL")
    assert not site.live("contact_custom_fields", "extra LIKE '%value%'")


def test_a_setting_that_decides_what_replies_hold(open_site: Callable[..., Site]) -> None:
    """The lists were read without contacts. The next run reads all of them again, the cold ones too."""
    site = open_site(**LONG_PAST)
    site.sync(include_contacts=False)
    site.sync(include_contacts=True)
    assert site.differences() == []


def test_a_cap_that_is_known_later(open_site: Callable[..., Site]) -> None:
    """Replies that looked whole by a wrong cap were cut off. They come again as they were, and are read in halves."""
    site = open_site(switches=Switches(max_rows=9), **{**LONG_PAST, "lookback_days": 120})
    site.sync(reply_cap=500)
    assert site.differences() != []
    site.sync(reply_cap=9)
    assert site.differences() == []
