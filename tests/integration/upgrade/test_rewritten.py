"""What only the program reads in another way is no change: no summary, mart or event counts it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import dlt
import pytest

from bookings_sync.models.access import open_client
from bookings_sync.models.destination import Datasets
from bookings_sync.models.transform import transform
from bookings_sync.sync.pipeline import SyncResult
from integration.sync.conftest import Site
from integration.sync.test_acceptance import starting
from support.older_program import OlderProgram

from .test_new_columns import LONG_PAST, sync_by

CHANGES = ("new", "changed", "moved", "deleted", "restored")


def changes(result: SyncResult) -> dict[str, int]:
    return {kind: count for kind in CHANGES if (count := result.row[f"rows_{kind}"])}


def events(site: Site) -> list[dict[str, Any]]:
    """The events after the first sight of each appointment, from the marts."""
    with open_client(site.settings, writes=True) as client:
        transform(client, Datasets(), now=site.clock())
    return site.query("FROM bookings_marts.fct_appointment_events WHERE event <> 'booked'")


def last_changes(site: Site) -> set[Any]:
    found = site.query("SELECT last_changed_at AS at FROM bookings_marts.fct_appointments")
    return {row["at"] for row in found}


def test_new_columns_are_no_changes(open_site: Callable[..., Site], older: OlderProgram) -> None:
    site = open_site(**LONG_PAST)
    sync_by(older, site)
    first = site.world.now
    site.world.now_ms += 60_000
    result = site.sync()
    assert changes(result) == {}
    assert result.row["rows_rewritten"] > 0
    assert site.live("appointments", "unchanged_since < _dlt_valid_from")
    assert events(site) == []
    assert last_changes(site) == {first}
    assert site.differences() == []


def test_real_changes_are_still_counted(open_site: Callable[..., Site], older: OlderProgram) -> None:
    """They come in the same replies that bring the new columns."""
    site = open_site(**LONG_PAST)
    sync_by(older, site)
    world, location_id = site.world, site.location_id
    showed, gone = starting(site, -60), starting(site, -50)
    world.mark(location_id, showed.id, "showed")
    world.delete(location_id, gone.id)
    site.world.now_ms += 60_000
    result = site.sync()
    assert changes(result) == {"changed": 1, "deleted": 1}
    assert {(row["appointment_id"], row["event"]) for row in events(site)} == {
        (showed.id, "status changed"),
        (gone.id, "deleted"),
    }
    assert site.differences() == []


@pytest.mark.parametrize(
    ("before", "after"),
    [({}, {"pii": "drop"}), ({"pii": "drop"}, {}), ({}, {"pii": "hash", "pii_key": "a secret that is long enough"})],
    ids=["drop", "keep-again", "hash"],
)
def test_other_privacy_rules_are_no_changes(
    open_site: Callable[..., Site], before: dict[str, Any], after: dict[str, Any]
) -> None:
    site = open_site(**LONG_PAST)
    site.sync(**before)
    site.world.now_ms += 60_000
    result = site.sync(**after)
    of_table = json.loads(result.row["tables"])
    of_table.pop("contact_custom_fields", None)  # a rule that drops them leaves no rows
    counted = [(kind, of_table[table][kind]) for table in of_table for kind in (*CHANGES, "rewritten")]
    assert {kind for kind, count in counted if count} == {"rewritten"}


def test_a_field_moves_from_extra_to_its_column(open_site: Callable[..., Site], older: OlderProgram) -> None:
    site = open_site(history_start=date(2026, 6, 1))
    sync_by(older, site)
    assert site.live("appointments", "extra LIKE '%isRecurring%'")
    site.sync()
    assert not site.live("appointments", "extra LIKE '%isRecurring%'")


def test_a_users_own_dlt_pipeline(open_site: Callable[..., Site], older: OlderProgram) -> None:
    """Without the command, the source itself migrates the warehouse."""
    from bookings_sync.sync.source import bookings_source

    site = open_site(**LONG_PAST)
    sync_by(older, site)
    site.world.now_ms += 60_000
    destination = dlt.destinations.duckdb(str(site.database))
    pipeline = dlt.pipeline("calendar", destination=destination, dataset_name="bookings_raw")
    pipeline.run(bookings_source(settings=site.settings, clock=site.clock)).raise_on_failed_jobs()
    (run,) = site.query("FROM runs ORDER BY started_at DESC LIMIT 1")
    assert (run["rows_new"], run["rows_changed"]) == (0, 0)
    assert site.differences() == []
