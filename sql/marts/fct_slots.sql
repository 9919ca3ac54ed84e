/*
Grain: one row per location, service and start of a slot.
Question: Which slots were offered, and what became of each?
Key: location_id, service_id, starts_at
Notes: A slot is free if it is still listed, or was still listed when it began. A slot that disappeared earlier is
  taken if a booking of its service starts then and takes time (fct_appointments.takes_time). Otherwise the slot is
  free if it disappeared within the service's booking notice, because the API stops listing slots that are too late to
  book; it is withdrawn if it disappeared before, for example because opening hours changed. Slots may overlap, such
  as a 60-minute slot every 15 minutes. A free slot's minutes run until its end or the service's next free slot,
  whichever comes first, so their sum is the time that could be booked. A time when several members are free counts
  once, because the API lists it once.
Audits:
  not null: location_id, service_id, starts_at, state, local_date
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  accepted: state in free, taken, withdrawn
  range: local_hour from 0 to 23
  range: free_minutes from 0
Columns:
  service_id: The service.
  local_start: Start, on the location's clock.
  local_date: Local day of the start.
  local_weekday: Weekday of the local day, 1 Monday to 7 Sunday.
  local_hour: Local hour of the start, 0 to 23.
  state: free, taken or withdrawn.
  free_minutes: Minutes the slot adds to the free time; 0 unless it is free, null if the service's slot duration is
    unknown.
  first_seen_at: When the slot's current version was first seen, UTC.
  gone_at: When the slot was found to be gone, UTC; null if it never disappeared before it began.
*/
WITH booked_starts AS (
  SELECT DISTINCT location_id, service_id, starts_at
  FROM marts.fct_appointments
  WHERE takes_time
), distinct_starts AS (
  -- Time zone conversion is slow and many slots share a start, so each start is converted once.
  SELECT DISTINCT location.timezone, slots.starts_at
  FROM staging.stg_slots AS slots
  JOIN marts.dim_location AS location ON location.location_id = slots.location_id
), local_starts AS (
  SELECT timezone, starts_at, starts_at AT TIME ZONE timezone AS local_start
  FROM distinct_starts
), slot_states AS (
  SELECT
    slots.location_id,
    slots.service_id,
    slots.starts_at,
    local_starts.local_start,
    CASE
      WHEN slots.deleted_at IS NULL THEN 'free'
      WHEN booked_starts.starts_at IS NOT NULL THEN 'taken'
      WHEN EXTRACT(EPOCH FROM slots.starts_at) - EXTRACT(EPOCH FROM slots.deleted_at)
        <= service.booking_notice_minutes * 60 THEN 'free'
      ELSE 'withdrawn'
    END AS state,
    service.slot_duration_minutes,
    slots.valid_from,
    slots.deleted_at
  FROM staging.stg_slots AS slots
  JOIN marts.dim_location AS location ON location.location_id = slots.location_id
  JOIN local_starts ON local_starts.timezone = location.timezone AND local_starts.starts_at = slots.starts_at
  JOIN marts.dim_service AS service
    ON service.location_id = slots.location_id AND service.service_id = slots.service_id
  LEFT JOIN booked_starts
    ON booked_starts.location_id = slots.location_id
    AND booked_starts.service_id = slots.service_id
    AND booked_starts.starts_at = slots.starts_at
), slots_with_next AS (
  SELECT
    *,
    LEAD(starts_at) OVER (PARTITION BY location_id, service_id, state ORDER BY starts_at) AS next_starts_at
  FROM slot_states
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
FROM slots_with_next
