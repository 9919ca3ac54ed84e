"""Late marks, back-dated bookings, cancellations and deletions arrive; a sync without news writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs

import pytest

from bookings_sync.planning.windows import to_ms
from bookings_sync.sandbox import Appointment
from bookings_sync.sync import pipeline

from .conftest import Site, both_apis, small

HISTORY = (
    "locations", "teams", "team_members", "services", "service_members", "service_hours", "appointments", "contacts",
    "contact_custom_fields", "slots",
)  # fmt: skip


def starting(site: Site, days_from_now: float) -> Appointment:
    """The first appointment, from this many days before or after now, that can still be marked showed."""
    start = site.world.now_ms + int(days_from_now * 86_400_000)
    rows = site.world.data[site.location_id].by_start.starting(start, start + 30 * 86_400_000)
    return next(row for row in rows if row.contact is not None and row.attendance not in ("showed", "cancelled"))


@both_apis
@pytest.mark.parametrize(
    ("days_ago", "full"),
    [pytest.param(44, False, id="within-the-look-back"), pytest.param(200, True, id="long-ago-in-full")],
)
def test_four_ways(open_site: Callable[..., Site], days_ago: int, full: bool) -> None:
    """(a) An old appointment is marked showed, (b) one is back-dated, (c) one far ahead is cancelled, (d) one is
    deleted."""
    site = open_site(small(past_days=260), lookback_days=45, history_start=(small().now - timedelta(days=300)).date())
    world, location_id = site.world, site.location_id
    site.sync()

    old, ahead, gone = starting(site, -days_ago), starting(site, 20), starting(site, -days_ago + 5)
    before = site.live("appointments", "id = ?", gone.id)[0]
    world.mark(location_id, old.id, "showed")
    backdated = world.book(location_id, old.service_id, world.now - timedelta(days=days_ago - 1), contact={})
    world.cancel(location_id, ahead.id)
    world.delete(location_id, gone.id)
    result = site.sync(full=full)

    assert result.row["errors"] == "[]"
    assert "showed" in site.live("appointments", "id = ?", old.id)[0].values()
    assert len(site.live("appointments", "id = ?", backdated.id)) == 1
    assert "cancelled" in site.live("appointments", "id = ?", ahead.id)[0].values()
    tombstone = site.versions("appointments", gone.id)[-1]
    assert tombstone["deleted_at"] is not None
    assert tombstone["_dlt_valid_to"] is None
    own = ("deleted_at", "unchanged_since", "row_digest", "_dlt_valid_from", "_dlt_valid_to", "_dlt_load_id", "_dlt_id")
    assert {name: value for name, value in tombstone.items() if name not in own} == {
        name: value for name, value in before.items() if name not in own
    }
    assert (result.changes.deleted, result.row["verifications"]) == (1, 1)
    assert site.differences() == []


def test_nothing_new_writes_nothing_and_costs_the_plan(open_site: Callable[..., Site]) -> None:
    site = open_site(small(locations=2, past_days=200), lookback_days=45, rows_per_reply=20, max_window_days=32)
    for _ in range(3):  # a first sync chooses its windows before it knows their density
        site.sync()
    before = {table: site.query(f"SELECT count(*) AS rows FROM {table}") for table in HISTORY}
    planned = pipeline.plan_run(site.settings, clock=site.clock, asked=None, full=False).reads
    site.world.requests.reset()
    result = site.sync()

    assert {table: site.query(f"SELECT count(*) AS rows FROM {table}") for table in HISTORY} == before
    assert result.changes.total == 0
    assert result.row["reads_unchanged"] >= len([read for read in planned if read.endpoint != "slots"])
    asked = Counter(
        (request.location_id, request.endpoint, query.get("calendarId", [""])[0], query.get("startDate", [""])[0])
        for request in site.world.requests.records
        for query in [parse_qs(request.query)]
    )
    endpoints = {
        "teams": "GET /calendars/teams",
        "services": "GET /calendars/services",
        "appointments": "GET /appointments/",
        "slots": "GET /appointments/slots",
    }
    assert asked == Counter(
        (
            read.location_id,
            endpoints[read.endpoint],
            read.scope.id if read.window else "",
            str(read.window.start_ms) if read.window else "",
        )
        for read in planned
    )
    assert result.row["requests"] == sum(read.requests for read in planned) == site.world.requests.total


@both_apis
def test_a_first_sync_counts_each_record_once(open_site: Callable[..., Site]) -> None:
    """The run's figures equal the rows in the tables, for any number of loads."""
    site = open_site(
        small(), lookback_days=10, reads_per_load=2, history_start=small().now.date() - timedelta(days=120)
    )
    result = site.sync()
    assert result.row["loads"] > 2
    assert result.changes.total == result.row["rows_new"]
    assert result.row["rows_new"] == sum(len(site.live(table)) for table in HISTORY)
    assert site.differences() == []


def test_the_time_before_the_first_booking_costs_little(open_site: Callable[..., Site]) -> None:
    """A first sync reads the empty past in longer and longer windows."""
    start = small().now.date() - timedelta(days=365 * 12)
    spec = small(services_per_location=1, appointments=600)
    site = open_site(spec, rows_per_reply=50, history_start=start, lookback_days=30, horizon_days=40)
    assert site.sync().outcome == "ok"
    busy = max(1, len(site.live("appointments")) // 50)
    least_of_empty = 12 * 365 // 512
    lists = [each for each in site.world.requests.records if each.endpoint == "GET /appointments/"]
    assert len(lists) <= 4 * busy + 2 * least_of_empty
    assert site.differences() == []


def test_the_request_budget_is_kept(open_site: Callable[..., Site]) -> None:
    """A run that leaves windows out says so. Later runs read the rest, until everything is there."""
    start = small().now.date() - timedelta(days=120)
    few = {"lookback_days": 10, "horizon_days": 30, "slots": False, "max_window_days": 8, "window_days": 8}
    site = open_site(small(services_per_location=1), **few, history_start=start, request_budget=14)
    held, warned = [], []
    for _ in range(2):
        site.world.requests.reset()
        result = site.sync()
        assert result.row["errors"] == "[]"
        assert site.world.requests.total <= 14
        held.append(len(site.live("appointments")))
        warned.append(any("request budget" in warning for warning in result.warnings))
    horizon = to_ms(site.clock().add(days=30))
    due = [row for row in site.world.data[site.location_id].by_start.all() if row.start_ms < horizon]
    assert held[0] < len(due) <= held[1]
    assert warned[0]


@both_apis
def test_a_requested_range_is_read_and_nothing_else(open_site: Callable[..., Site]) -> None:
    site = open_site(small())
    start, end = site.clock().subtract(days=20).start_of("day"), site.clock().subtract(days=10).start_of("day")
    site.sync(asked=pipeline.Window.between(start, end))
    held = {row["id"] for row in site.live("appointments")}
    truth = site.world.data[site.location_id].by_start
    assert {row.id for row in truth.starting(to_ms(start), to_ms(end))} <= held
    assert held <= {row.id for row in truth.starting(to_ms(start), to_ms(end) + 1)}


@both_apis
def test_staleness_is_bounded(open_site: Callable[..., Site]) -> None:
    """A change in cold history is found within `cold_reread_days`, because each run reads a share."""
    spec = small(past_days=330, services_per_location=1, teams_per_location=1)
    start = spec.now.date() - timedelta(days=340)
    site = open_site(spec, lookback_days=45, history_start=start, rows_per_reply=20, max_window_days=32, slots=False)
    site.sync()
    changed = [starting(site, -days) for days in range(320, 60, -20)]
    for row in changed:
        site.world.mark(site.location_id, row.id, "showed")
    stale = []
    for _ in range(5):
        site.world.now_ms += 6 * 86_400_000
        site.world.requests.reset()
        site.sync()
        shown = {row["id"] for row in site.live("appointments", "'showed' IN (appoinment_status, appointment_status)")}
        stale.append(len({row.id for row in changed} - shown))
    assert stale[-1] == 0
    assert stale[0] > 0, "a run reads a share of the cold windows, not all"
    assert stale == sorted(stale, reverse=True)


@both_apis
@pytest.mark.parametrize(
    "knobs",
    [
        pytest.param({}, id="one load"),
        pytest.param({"rows_per_load": 1, "concurrency": 1}, id="a load of each reply that changes anything"),
        pytest.param({"reads_per_load": 5}, id="five reads a load"),
    ],
)
def test_a_share_of_the_cold_in_one_load_or_in_many(open_site: Callable[..., Site], knobs: dict[str, int]) -> None:
    """If a load is full, the run's next load reads the rest of the share. No load takes another share."""
    spec = small(past_days=330, services_per_location=1, teams_per_location=1)
    start = spec.now.date() - timedelta(days=340)
    site = open_site(spec, lookback_days=45, history_start=start, rows_per_reply=20, max_window_days=32, slots=False)
    site.sync()
    site.sync()
    changed = {starting(site, -each).id for each in range(320, 60, -20)}
    found = []
    for days, status in ((6, "showed"), (31, "noshow")):
        for row_id in changed:
            site.world.mark(site.location_id, row_id, status)
        site.world.now_ms += days * 86_400_000
        site.sync(**knobs)
        shown = site.live("appointments", f"'{status}' IN (appoinment_status, appointment_status)")
        found.append(len({row["id"] for row in shown} & changed) / len(changed))
    assert 0 < found[0] < 0.6
    assert found[1] == 1


@both_apis
def test_rows_outside_the_range_are_read_in_turn(open_site: Callable[..., Site]) -> None:
    """Rows that moved past the horizon, or that are older than a later history start: their changes are found
    within `cold_reread_days`, and the rest of that time is not asked for."""
    spec = small(past_days=200, appointments=120, services_per_location=1, teams_per_location=1)
    site = open_site(
        spec, lookback_days=45, horizon_days=60, history_start=spec.now.date() - timedelta(days=210), slots=False
    )
    site.sync()
    site.knobs["history_start"] = spec.now.date() - timedelta(days=100)
    old, marked, moved, gone = (starting(site, days) for days in (-190, -40, -5, 20))
    assert len({old.id, marked.id, moved.id, gone.id}) == 4
    for row, days in ((marked, 700), (moved, 900), (gone, 5_000)):
        site.world.reschedule(site.location_id, row.id, site.world.now + timedelta(days=days))
    assert site.sync().changes.moved == 3
    site.sync()  # reads their present windows for the first time
    site.world.requests.reset()
    assert site.sync().changes.total == 0
    plain = site.world.requests.total

    site.world.mark(site.location_id, marked.id, "showed")
    site.world.mark(site.location_id, old.id, "showed")
    site.world.reschedule(site.location_id, moved.id, site.world.now + timedelta(days=1_100))
    site.world.delete(site.location_id, gone.id)
    site.world.now_ms += (site.settings.cold_reread_days + 1) * 86_400_000
    site.world.requests.reset()
    changes = site.sync().changes
    assert (changes.changed, changes.moved, changes.deleted) == (2, 1, 1)
    assert site.world.requests.total <= plain + 15, "only the windows that hold something"
    assert [each for each in site.differences() if not each.startswith("slots")] == []
