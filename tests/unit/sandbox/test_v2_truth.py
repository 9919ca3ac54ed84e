"""`support.truth_v2` expects the same rows as `support.truth`, wherever v1 and v2 have the same columns."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bookings_sync.sandbox import truth_v2
from support import truth as of_v1
from support import truth_v2 as of_v2

TABLES = ("teams", "services", "service_members", "service_hours", "appointments", "contacts", "contact_custom_fields")


@pytest.mark.parametrize("days", [0, 40])
def test_the_rows_of_both_apis_agree(api: Any, days: int) -> None:
    api.world.advance(timedelta(days=days), seed=2)
    v1 = of_v1.expected_rows(api.world.truth(api.location.id), 14)
    truth = truth_v2(api.world, api.location.id)
    v2 = of_v2.expected_rows(truth, 14)
    assert v1["slots"] == v2["slots"] != {}
    mentioned = of_v2.mentioned_contacts(truth)
    for table in TABLES:
        columns = set(of_v2.same_in_both(table))
        assert len(columns) > 1
        ours, theirs = (
            {key: {name: row[name] for name in columns} for key, row in rows[table].items()} for rows in (v1, v2)
        )
        if table.startswith("contact"):
            assert theirs.keys() >= ours.keys()
            theirs = {key: row for key, row in theirs.items() if key[0] in mentioned}
        if table == "appointments":  # v1 lacks these fields in some appointments, v2 never
            for key, row in ours.items():
                lacking = {name for name in ("assigned_user_id", "contact_id", "api_location_id") if row[name] is None}
                lacking |= {name for name in ("created_at", "updated_at") if row[name] is None}
                ours[key] = row | {name: theirs[key][name] for name in lacking}
        assert ours == theirs, table


def test_team_members_are_those_of_the_groups_calendars(api: Any) -> None:
    rows = of_v2.expected_rows(truth_v2(api.world, api.location.id), 14)["team_members"]
    data = api.world.data[api.location.id]
    assert rows.keys() == {
        (service.team_id, user_id) for service in data.services.values() for user_id in service.user_ids()
    }
    assert {(row["name"], row["email"]) for row in rows.values()} <= {
        (member.name, member.email) for member in data.members.values()
    }


def test_what_has_no_column_is_expected_in_extra(api: Any) -> None:
    rows = of_v2.expected_rows(truth_v2(api.world, api.location.id), 14)
    assert {"users", "createdBy"} <= next(iter(rows["appointments"].values()))["extra"].keys()
    assert {"preBuffer", "slug", "calendarType"} <= next(iter(rows["services"].values()))["extra"].keys()
    assert "slotDurationUnit" not in next(iter(rows["services"].values()))["extra"]
    assert "fullNameLowerCase" in next(iter(rows["contacts"].values()))["extra"]
