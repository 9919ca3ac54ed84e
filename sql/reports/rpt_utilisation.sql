/*
Grain: one row per location, service and local day on which free slots are known and time was offered or booked.
Question: How many of a service's seats were booked, and how much of its time could no longer be booked?
Key: location_id, service_id, local_date
Incremental by: location_id, service_id
Notes: Seat utilisation = booked seat-minutes / (booked + free seat-minutes). A seat-minute is one minute of one
  booking: a class of an hour with eight seats has 480. Slot utilisation = minutes that can no longer be booked /
  offered minutes: an hour with one seat left can still be booked. On a past day, free is what stayed free; on a future
  day, what can still be booked. A no-show took its seat. Withdrawn slots and time off count in neither. Days on which
  free slots are not known are left out, because they would look fuller or emptier than they were: see fct_slot_days,
  and rpt_slot_coverage for their share. Sum minutes before you divide; do not average the rates of days.
Audits:
  not null: location_id, service_id, local_date, hours_without_read
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: seat_utilisation from 0 to 1
  range: slot_utilisation from 0 to 1
  range: booked_seat_minutes from 0
  range: free_seat_minutes from 0
  range: bookable_minutes from 0
  check bookable_is_offered: bookable_minutes <= offered_minutes
Columns:
  location_id: The location (tenant).
  service_id: The service.
  local_date: The local day.
  local_week: Monday of the local day's week.
  booked_appointments: Bookings of the day that take time (fct_appointments.takes_time).
  booked_seat_minutes: Duration of these bookings, one by one: two at the same time count twice.
  free_slots: Free slots of the day.
  free_seat_minutes: Seat-minutes of these slots that could still be booked; overlapping slots count once.
  seat_utilisation: booked_seat_minutes / (booked_seat_minutes + free_seat_minutes); null if both are 0.
  offered_minutes: Minutes covered by the day's slots that were not withdrawn, or by its bookings; each minute counts
    once, on the day of the slot or booking that began first.
  bookable_minutes: Minutes of these that at least one more booking could take.
  slot_utilisation: (offered_minutes - bookable_minutes) / offered_minutes; null if nothing was offered.
  hours_without_read: How old the last read of the slots was at most when a slot or booking of the day began, in hours.
*/
WITH seconds AS (
  SELECT
    location_id,
    service_id,
    local_date,
    1 AS booked_appointments,
    COALESCE(duration_minutes, 0) AS booked_seat_minutes,
    0 AS free_slots,
    0 AS free_seat_minutes,
    0 AS bookable_minutes,
    CAST(FLOOR(EXTRACT(EPOCH FROM starts_at)) AS BIGINT) AS start_second,
    CAST(FLOOR(EXTRACT(EPOCH FROM starts_at)) AS BIGINT) + CAST(COALESCE(duration_minutes, 0) * 60 AS BIGINT)
      AS end_second
  FROM marts.fct_appointments
  WHERE takes_time AND service_id IS NOT NULL
  UNION ALL
  SELECT
    location_id,
    service_id,
    local_date,
    0,
    0,
    CASE WHEN state = 'free' THEN 1 ELSE 0 END,
    free_seat_minutes,
    free_minutes,
    CAST(FLOOR(EXTRACT(EPOCH FROM starts_at)) AS BIGINT),
    CAST(FLOOR(EXTRACT(EPOCH FROM starts_at)) AS BIGINT) + CAST(COALESCE(slot_duration_minutes, 0) * 60 AS BIGINT)
  FROM marts.fct_slots
  WHERE state <> 'withdrawn'
), known_seconds AS (
  SELECT seconds.*, days.hours_without_read
  FROM seconds
  JOIN marts.fct_slot_days AS days
    ON days.location_id = seconds.location_id
    AND days.service_id = seconds.service_id
    AND days.local_date = seconds.local_date
    AND days.is_known
), covered_seconds AS (
  -- What reaches into the next day counts on the day on which it begins.
  SELECT
    *,
    GREATEST(end_second - GREATEST(start_second, COALESCE(MAX(end_second) OVER (
      PARTITION BY location_id, service_id
      ORDER BY start_second, end_second
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), start_second)), 0) AS added_seconds
  FROM known_seconds
), daily_sums AS (
  SELECT
    location_id,
    service_id,
    local_date,
    MAX(hours_without_read) AS hours_without_read,
    CAST(SUM(booked_appointments) AS BIGINT) AS booked_appointments,
    CAST(SUM(booked_seat_minutes) AS BIGINT) AS booked_seat_minutes,
    CAST(SUM(free_slots) AS BIGINT) AS free_slots,
    CAST(SUM(free_seat_minutes) AS BIGINT) AS free_seat_minutes,
    CAST(SUM(bookable_minutes) AS BIGINT) AS bookable_minutes,
    CAST(FLOOR(SUM(added_seconds) / 60.0) AS BIGINT) AS covered_minutes
  FROM covered_seconds
  GROUP BY location_id, service_id, local_date
), offered_sums AS (
  SELECT *, GREATEST(covered_minutes, bookable_minutes) AS offered_minutes FROM daily_sums
)
SELECT
  location_id,
  service_id,
  local_date,
  CAST(DATE_TRUNC('WEEK', local_date) AS DATE) AS local_week,
  booked_appointments,
  booked_seat_minutes,
  free_slots,
  free_seat_minutes,
  CAST(booked_seat_minutes AS DOUBLE) / NULLIF(booked_seat_minutes + free_seat_minutes, 0) AS seat_utilisation,
  offered_minutes,
  bookable_minutes,
  CAST(offered_minutes - bookable_minutes AS DOUBLE) / NULLIF(offered_minutes, 0) AS slot_utilisation,
  hours_without_read
FROM offered_sums
