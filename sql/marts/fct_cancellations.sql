/*
Grain: one row per location and booking that is cancelled, if a sync saw it before it was cancelled.
Question: When was each cancelled booking cancelled, at the earliest and at the latest?
Key: location_id, appointment_id
Notes: The newest cancellation counts. If the API dates it, cancelled_after and cancelled_by are that time. Else it lies
  between the last complete sync before, or the sync that saw the version before if that is later, and the sync that saw
  it. A booking that the first sync already found cancelled has no row: nobody knows when it was cancelled.
Audits:
  not null: location_id, appointment_id, cancelled_after, cancelled_by
  references: location_id, appointment_id -> marts.fct_appointments (location_id, appointment_id)
  accepted: cancelled_at_source in updated_at, observed
  check in_order: cancelled_after <= cancelled_by
Columns:
  starts_at: The start that the booking had when it was cancelled, UTC; null if it had none.
  cancelled_after: The earliest time at which it may have been cancelled, UTC.
  cancelled_by: The latest time at which it may have been cancelled, UTC.
  cancelled_at_source: updated_at if the API dates the cancellation, so that both times are equal; else observed.
*/
WITH cancellations AS (
  SELECT
    events.location_id,
    events.appointment_id,
    events.from_starts_at AS starts_at,
    events.observed_at,
    events.changed_at,
    events.changed_at_source,
    ROW_NUMBER() OVER (PARTITION BY events.location_id, events.appointment_id ORDER BY events.observed_at DESC)
      AS newest_first
  FROM marts.fct_appointment_events AS events
  WHERE events.event = 'status changed' AND events.to_status = 'cancelled'
), versions_before AS (
  SELECT cancellations.location_id, cancellations.appointment_id, MAX(COALESCE(versions.unchanged_since, versions.valid_from)) AS seen_at
  FROM cancellations
  JOIN staging.stg_appointment_versions AS versions
    ON versions.location_id = cancellations.location_id AND versions.appointment_id = cancellations.appointment_id
    AND versions.valid_from < cancellations.observed_at
  WHERE cancellations.newest_first = 1
  GROUP BY cancellations.location_id, cancellations.appointment_id
), edges AS (
  -- What a sync reads is at least as new as its start, and it is stored before its end.
  SELECT location_id, COALESCE(ended_at, started_at) AS edge_at, started_at, 1 AS edge_order
  FROM staging.stg_location_runs
  WHERE is_complete
  UNION ALL
  SELECT location_id, observed_at, NULL, 0 FROM cancellations
), edges_with_sync AS (
  SELECT
    location_id,
    edge_at,
    edge_order,
    MAX(started_at) OVER (
      PARTITION BY location_id ORDER BY edge_at, edge_order ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS synced_at
  FROM edges
), syncs_before AS (
  SELECT location_id, edge_at AS observed_at, MIN(synced_at) AS synced_at
  FROM edges_with_sync
  WHERE edge_order = 0
  GROUP BY location_id, edge_at
)
SELECT
  cancellations.location_id,
  cancellations.appointment_id,
  cancellations.starts_at,
  CASE
    WHEN cancellations.changed_at_source = 'updated_at' THEN cancellations.changed_at
    WHEN syncs_before.synced_at > versions_before.seen_at THEN syncs_before.synced_at
    ELSE versions_before.seen_at
  END AS cancelled_after,
  cancellations.changed_at AS cancelled_by,
  cancellations.changed_at_source AS cancelled_at_source
FROM cancellations
JOIN marts.fct_appointments AS bookings
  ON bookings.location_id = cancellations.location_id
  AND bookings.appointment_id = cancellations.appointment_id
  AND bookings.status = 'cancelled'
JOIN versions_before
  ON versions_before.location_id = cancellations.location_id
  AND versions_before.appointment_id = cancellations.appointment_id
JOIN syncs_before
  ON syncs_before.location_id = cancellations.location_id AND syncs_before.observed_at = cancellations.observed_at
WHERE cancellations.newest_first = 1
