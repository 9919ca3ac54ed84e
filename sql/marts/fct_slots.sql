/*
Grain: one row per location, service and start of a slot.
Question: Which free times were offered, and what became of each?
Key: location_id, service_id, starts_at
Notes: A slot is free while it is live: it can be booked, or nobody had booked it when its time came. One that went away
  is taken if a booking of its service, not cancelled, starts then. Otherwise it stayed free if it went away within the
  service's booking notice (the API stops listing a slot when it is too late to book it: nobody took it), and was
  withdrawn if it went away earlier (office hours changed, or time blocked off).
  Slots may overlap (one each 15 minutes, of 60 minutes each), so a free slot's minutes run to its end or to the next free
  slot of the service, whichever comes first: summed, they are the time that stood open. A time at which several members
  are free counts once, since the API lists it once.
Audits:
  not null: location_id, service_id, starts_at, state, local_date
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  accepted: state in free, taken, withdrawn
  range: local_hour from 0 to 23
  range: free_minutes from 0
Columns:
  location_id: The location (tenant).
  service_id: The service.
  starts_at: Start, UTC.
  local_start: Start, on the location's clock.
  local_date: Day of the start, on the location's clock.
  local_weekday: Weekday of that day, 1 Monday to 7 Sunday.
  local_hour: Hour of the start, 0 to 23, on the location's clock.
  state: free, taken or withdrawn.
  free_minutes: Open time it adds; 0 unless it is free, null where the service's slot length is unknown.
  first_seen_at: When its current version was first seen, UTC.
  gone_at: When it was found to be gone, UTC.
*/
WITH booked AS (
  SELECT DISTINCT location_id, service_id, starts_at
  FROM staging.stg_appointments
  WHERE contact_id IS NOT NULL AND deleted_at IS NULL AND status NOT IN ('cancelled', 'invalid')
), instants AS (
  -- As in fct_appointments: a conversion by zone rules is dear, so each instant is converted once.
  SELECT DISTINCT location.timezone, slots.starts_at
  FROM staging.stg_slots AS slots
  JOIN marts.dim_location AS location ON location.location_id = slots.location_id
), clocks AS (
  SELECT timezone, starts_at, starts_at AT TIME ZONE timezone AS local_start
  FROM instants
), judged AS (
  SELECT
    slots.location_id,
    slots.service_id,
    slots.starts_at,
    clocks.local_start,
    CASE
      WHEN slots.deleted_at IS NULL THEN 'free'
      WHEN booked.starts_at IS NOT NULL THEN 'taken'
      WHEN EXTRACT(EPOCH FROM slots.starts_at) - EXTRACT(EPOCH FROM slots.deleted_at)
        <= service.booking_notice_minutes * 60 THEN 'free'
      ELSE 'withdrawn'
    END AS state,
    service.slot_duration_minutes,
    slots.valid_from,
    slots.deleted_at
  FROM staging.stg_slots AS slots
  JOIN marts.dim_location AS location ON location.location_id = slots.location_id
  JOIN clocks ON clocks.timezone = location.timezone AND clocks.starts_at = slots.starts_at
  JOIN marts.dim_service AS service
    ON service.location_id = slots.location_id AND service.service_id = slots.service_id
  LEFT JOIN booked
    ON booked.location_id = slots.location_id
    AND booked.service_id = slots.service_id
    AND booked.starts_at = slots.starts_at
), followed AS (
  SELECT
    *,
    LEAD(starts_at) OVER (PARTITION BY location_id, service_id, state ORDER BY starts_at) AS next_starts_at
  FROM judged
)
SELECT
  location_id,
  service_id,
  starts_at,
  local_start,
  CAST(local_start AS DATE) AS local_date,
  CAST(EXTRACT(ISODOW FROM local_start) AS INTEGER) AS local_weekday,
  CAST(EXTRACT(HOUR FROM local_start) AS INTEGER) AS local_hour,
  state,
  CASE
    WHEN state <> 'free' THEN 0
    WHEN next_starts_at IS NULL THEN slot_duration_minutes
    WHEN slot_duration_minutes IS NOT NULL THEN LEAST(slot_duration_minutes, CAST(
      FLOOR((EXTRACT(EPOCH FROM next_starts_at) - EXTRACT(EPOCH FROM starts_at)) / 60) AS BIGINT
    ))
  END AS free_minutes,
  valid_from AS first_seen_at,
  deleted_at AS gone_at
FROM followed
