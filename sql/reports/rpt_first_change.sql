/*
Grain: one row per location, service, kind of first change and group of the time from booking to that change.
Question: What changes first on a booking, and how soon?
Key: location_id, service_id, first_change, time_span
Notes: Counts every appointment but blocked-off time, including deleted ones. The first change is not known if the
  first sync that saw the booking found it already marked, cancelled or deleted, or, by the API's updatedAt, already
  changed: something had happened that nobody saw. If the API sends no updatedAt, it is known only of bookings that a
  sync saw within 30 hours after they were made: that is one sync a day, six hours late. They were made at createdAt, or
  if the API sends none, after the last complete sync that did not show them. none yet means that the booking is still
  as it was booked. If one sync saw several changes at once, the order of precedence is deleted, status changed,
  rescheduled, reassigned, restored. The time runs from booked_at to the change (fct_appointment_events.changed_at). If
  the API does not date the change, it runs to the sync that saw it, so it is too long by up to one sync interval. It is
  not known if the API sent no createdAt, or if the first change is none yet or not known. A deletion comes before
  restored, so restored is never first.
Reads staging:
  stg_appointment_versions: no mart holds what the first version of an appointment said.
  stg_location_runs: no mart holds when each location was synced.
Audits:
  not null: location_id, first_change, time_span
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  references: time_span -> marts.dim_time_span (time_span)
  accepted: first_change in deleted, cancelled, showed, noshow, invalid, new, confirmed, booked, other, unknown,
    rescheduled, reassigned, restored, wrongly deleted, none yet, not known
  range: bookings from 1
  range: minutes_to_change from 0
Columns:
  first_change: The new status if the status changed first; else rescheduled, reassigned, deleted, restored or wrongly
    deleted; none yet if nothing changed; not known if it was not observed.
  time_span: Group of the time from booking to first change (dim_time_span); sorts from short to long.
  bookings: Appointments with this first change.
  minutes_to_change: Sum of their times from booking to first change, each in whole minutes; 0 if the time is not known.
*/
WITH ranked_changes AS (
  SELECT
    location_id,
    appointment_id,
    changed_at,
    CASE WHEN event = 'status changed' THEN to_status ELSE event END AS first_change,
    ROW_NUMBER() OVER (
      PARTITION BY location_id, appointment_id
      ORDER BY
        observed_at,
        CASE event
          WHEN 'deleted' THEN 1 WHEN 'status changed' THEN 2 WHEN 'rescheduled' THEN 3 WHEN 'reassigned' THEN 4 ELSE 5
        END
    ) AS change_rank
  FROM marts.fct_appointment_events
  WHERE event <> 'booked'
), ranked_versions AS (
  SELECT
    location_id,
    appointment_id,
    valid_from,
    status,
    deleted_at,
    created_at,
    updated_at,
    ROW_NUMBER() OVER (PARTITION BY location_id, appointment_id ORDER BY valid_from) AS version_number
  FROM staging.stg_appointment_versions
), edges AS (
  SELECT location_id, COALESCE(ended_at, started_at) AS edge_at, started_at, 1 AS edge_order
  FROM staging.stg_location_runs
  WHERE is_complete
  UNION ALL
  SELECT DISTINCT location_id, valid_from, CAST(NULL AS TIMESTAMPTZ), 0 FROM ranked_versions WHERE version_number = 1
), syncs_before AS (
  -- The last sync before each moment at which an appointment was first seen.
  SELECT
    location_id,
    edge_at,
    edge_order,
    MAX(started_at) OVER (
      PARTITION BY location_id ORDER BY edge_at, edge_order ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS synced_at
  FROM edges
), first_versions AS (
  -- An API may write updatedAt a moment after createdAt although nothing changed.
  SELECT
    version.location_id,
    version.appointment_id,
    version.status IN ('showed', 'noshow', 'cancelled', 'invalid')
    OR version.deleted_at IS NOT NULL
    OR CASE
      WHEN version.updated_at IS NOT NULL AND version.created_at IS NOT NULL
        THEN EXTRACT(EPOCH FROM version.updated_at) - EXTRACT(EPOCH FROM version.created_at) > 60
      ELSE COALESCE(
        EXTRACT(EPOCH FROM version.valid_from)
          - EXTRACT(EPOCH FROM COALESCE(version.created_at, syncs_before.synced_at)) > 108000,
        TRUE
      )
    END AS may_have_changed
  FROM ranked_versions AS version
  LEFT JOIN syncs_before
    ON syncs_before.location_id = version.location_id
    AND syncs_before.edge_at = version.valid_from
    AND syncs_before.edge_order = 0
  WHERE version.version_number = 1
), first_changes AS (
  SELECT
    fact.location_id,
    fact.service_id,
    CASE
      WHEN first_versions.may_have_changed THEN 'not known'
      ELSE COALESCE(ranked_changes.first_change, 'none yet')
    END AS first_change,
    CASE
      WHEN first_versions.may_have_changed THEN NULL
      WHEN fact.booked_at_source = 'created_at' AND ranked_changes.changed_at IS NOT NULL THEN
        -- booked_at is from the API's clock, changed_at may be from the connector's, so the difference can be negative.
        GREATEST(CAST(
          FLOOR((EXTRACT(EPOCH FROM ranked_changes.changed_at) - EXTRACT(EPOCH FROM fact.booked_at)) / 60) AS BIGINT
        ), 0)
    END AS minutes
  FROM marts.fct_appointments AS fact
  JOIN first_versions
    ON first_versions.location_id = fact.location_id AND first_versions.appointment_id = fact.appointment_id
  LEFT JOIN ranked_changes
    ON ranked_changes.location_id = fact.location_id
    AND ranked_changes.appointment_id = fact.appointment_id
    AND ranked_changes.change_rank = 1
  WHERE NOT fact.is_blocked
)
SELECT
  first_changes.location_id,
  first_changes.service_id,
  first_changes.first_change,
  span.time_span,
  span.label AS time_to_change,
  COUNT(*) AS bookings,
  CAST(COALESCE(SUM(first_changes.minutes), 0) AS BIGINT) AS minutes_to_change
FROM first_changes
LEFT JOIN marts.dim_time_span AS span
  -- The group without bounds is for unknown durations.
  ON (first_changes.minutes IS NULL) = (span.from_hours IS NULL AND span.to_hours IS NULL)
  AND (first_changes.minutes >= span.from_hours * 60 OR span.from_hours IS NULL)
  AND (first_changes.minutes < span.to_hours * 60 OR span.to_hours IS NULL)
GROUP BY
  first_changes.location_id, first_changes.service_id, first_changes.first_change, span.time_span, span.label
