"""More: the counts behind the page's folded section "More figures".

Input:  the marts of cohorts, first changes, fairness and no-show risk.
Output: `More`: one table of counts for each, with the locations of the page.
"""

from __future__ import annotations

from typing import NamedTuple

from bookings_sync.report.index import CountTable, Index
from bookings_sync.report.marts import Marts

NEEDED = ("rpt_contact_cohorts", "rpt_first_change", "rpt_member_fairness", "rpt_noshow_risk")

_COHORTS = """
SELECT location_id, EXTRACT(YEAR FROM cohort_month) * 12 + EXTRACT(MONTH FROM cohort_month) - 1, months_since, contacts,
  active_contacts, CASE WHEN is_first_months THEN 1 ELSE 0 END
FROM marts.rpt_contact_cohorts
WHERE is_month_over AND months_since <= 6 AND cohort_month >= CAST($now AS DATE) - 400
"""
_FIRST_CHANGES = """
SELECT changes.location_id, service.team_id, changes.service_id, changes.first_change, SUM(changes.bookings),
  SUM(CASE WHEN span.label <> 'not known' THEN changes.bookings ELSE 0 END), SUM(changes.minutes_to_change)
FROM marts.rpt_first_change AS changes
JOIN marts.dim_time_span AS span ON span.time_span = changes.time_span
LEFT JOIN marts.dim_service AS service
  ON service.location_id = changes.location_id AND service.service_id = changes.service_id
GROUP BY changes.location_id, service.team_id, changes.service_id, changes.first_change
"""
_FAIRNESS = """
SELECT shared.location_id, service.team_id, shared.service_id, shared.member_id, SUM(shared.bookings),
  SUM(shared.service_bookings), CAST(ROUND(SUM(shared.service_bookings * shared.fair_share) * 100) AS BIGINT)
FROM marts.rpt_member_fairness AS shared
JOIN marts.dim_location AS location ON location.location_id = shared.location_id
LEFT JOIN marts.dim_service AS service
  ON service.location_id = shared.location_id AND service.service_id = shared.service_id
WHERE shared.local_week >= CAST(DATE_TRUNC('WEEK', $now AT TIME ZONE location.timezone) AS DATE) - 84
  AND shared.is_pool_known
  AND shared.local_week < CAST(DATE_TRUNC('WEEK', $now AT TIME ZONE location.timezone) AS DATE)
GROUP BY shared.location_id, service.team_id, shared.service_id, shared.member_id
"""
_RISKS = """
SELECT risk.location_id, service.team_id, risk.service_id, risk.risk_by, risk.value, risk.label,
  risk.marked, risk.noshow
FROM marts.rpt_noshow_risk AS risk
LEFT JOIN marts.dim_service AS service
  ON service.location_id = risk.location_id AND service.service_id = risk.service_id
"""


class More(NamedTuple):
    """Tables of counts, each of one mart.

    - `cohorts`: contacts of a month, and those of them who came again some months later. `month` counts from year 0.
      Only months that are over.
    - `first_changes`: `change` is an index into `changes`; `minutes` is the sum of the `timed` bookings' times.
    - `fairness`: bookings of 12 full weeks. `equal` is a hundredth of the bookings that an equal share would be.
    - `risks`: `risk` is an index into `risk_labels`, pairs of a characteristic and one of its values, in order.
    """

    cohorts: CountTable
    first_changes: CountTable
    fairness: CountTable
    risks: CountTable
    changes: list[str]
    risk_labels: list[tuple[str, str]]


def collect_more(marts: Marts, index: Index) -> More:
    """Counts the section's tables. Numbers their combos and members in `index`."""
    changed = marts.rows(_FIRST_CHANGES)
    # In alphabetical order, so that every warehouse numbers the labels alike.
    changes = sorted({change for _, _, _, change, *_ in changed})
    first_changes = [(*row[:3], changes.index(row[3]), *row[4:]) for row in changed]
    found = marts.rows(_RISKS)
    labels = sorted({(risk_by, int(value), label) for _, _, _, risk_by, value, label, _, _ in found})
    risks = [(*row[:3], labels.index((row[3], int(row[4]), row[5])), *row[6:]) for row in found]
    return More(
        cohorts=index.by_location(
            marts.rows(_COHORTS), ("location", "month", "months_since", "contacts", "active", "is_first_months")
        ),
        first_changes=index.by_combo(first_changes, ("combo", "change", "bookings", "timed", "minutes")),
        fairness=index.by_combo(marts.rows(_FAIRNESS), ("combo", "member", "bookings", "service_bookings", "equal")),
        risks=index.by_combo(risks, ("combo", "risk", "marked", "noshow")),
        changes=changes,
        risk_labels=[(risk_by, label) for risk_by, _, label in labels],
    )
