/*
Grain: one row per location, service, kind of first change and time from the booking to it.
Question: How long does a booking stay as it was made, and what is the first thing that happens to it?
Key: location_id, service_id, first_change, time_span
Notes: Over all contacts' appointments, those deleted since among them. Of several changes that one sync saw at once the
  gravest counts: deleted, then a change of status, then rescheduled, reassigned, restored. The time runs from booked_at to
  the sync that saw the change, so it is long by up to the time between two syncs; where the API does not tell when it
  was booked it is not known. A booking that nothing has happened to yet is none, and its time not known. "restored" is
  the first change where the versions from before it was found gone are no more, for who keeps no history that old.
Audits:
  not null: location_id, first_change, time_span
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  references: time_span -> marts.dim_time_span (time_span)
  accepted: first_change in deleted, cancelled, showed, noshow, invalid, new, confirmed, booked, other, unknown, rescheduled, reassigned, restored, none
  range: bookings from 1
  range: minutes_to_change from 0
Columns:
  location_id: The location (tenant).
  service_id: The service; null for appointments that name none.
  first_change: The status it changed to first, or rescheduled, reassigned, deleted or restored; none where nothing has happened.
  time_span: Group of the time from booking to first change (dim_time_span); orders them too.
  time_to_change: The group's name.
  bookings: Contacts' appointments it is so with.
  minutes_to_change: Their time from booking to first change, in minutes, summed; 0 where it is not known.
*/
WITH changes AS (
  SELECT
    location_id,
    appointment_id,
    observed_at,
    CASE WHEN event = 'status changed' THEN to_status ELSE event END AS first_change,
    ROW_NUMBER() OVER (
      PARTITION BY location_id, appointment_id
      ORDER BY
        observed_at,
        CASE event
          WHEN 'deleted' THEN 1 WHEN 'status changed' THEN 2 WHEN 'rescheduled' THEN 3 WHEN 'reassigned' THEN 4 ELSE 5
        END
    ) AS place
  FROM marts.fct_appointment_events
  WHERE event <> 'booked'
), timed AS (
  SELECT
    fact.location_id,
    fact.service_id,
    COALESCE(changes.first_change, 'none') AS first_change,
    CASE
      WHEN fact.booked_at_source = 'created_at' AND changes.observed_at IS NOT NULL THEN
        -- The two clocks are not the same one: a change cannot have come before the booking.
        GREATEST(
          CAST(FLOOR((EXTRACT(EPOCH FROM changes.observed_at) - EXTRACT(EPOCH FROM fact.booked_at)) / 60) AS BIGINT), 0
        )
    END AS minutes
  FROM marts.fct_appointments AS fact
  LEFT JOIN changes
    ON changes.location_id = fact.location_id AND changes.appointment_id = fact.appointment_id AND changes.place = 1
  WHERE NOT fact.is_blocked
), grouped AS (
  SELECT
    *,
    CASE
      WHEN minutes IS NULL THEN 9
      WHEN minutes < 60 THEN 1
      WHEN minutes < 240 THEN 2
      WHEN minutes < 1440 THEN 3
      WHEN minutes < 4320 THEN 4
      WHEN minutes < 10080 THEN 5
      WHEN minutes < 20160 THEN 6
      WHEN minutes < 40320 THEN 7
      ELSE 8
    END AS time_span
  FROM timed
)
SELECT
  grouped.location_id,
  grouped.service_id,
  grouped.first_change,
  grouped.time_span,
  span.label AS time_to_change,
  COUNT(*) AS bookings,
  CAST(COALESCE(SUM(grouped.minutes), 0) AS BIGINT) AS minutes_to_change
FROM grouped
JOIN marts.dim_time_span AS span ON span.time_span = grouped.time_span
GROUP BY grouped.location_id, grouped.service_id, grouped.first_change, grouped.time_span, span.label
