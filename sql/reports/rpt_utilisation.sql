/*
Grain: one row per location, service and local day on which free slots are known.
Question: How much of the bookable time was booked?
Key: location_id, service_id, local_date
Notes: Utilisation = booked minutes / (booked + free minutes). Booked minutes are those of bookings that are neither
  cancelled nor invalid; a no-show took its time. Free minutes are those of free slots (fct_slots): on a past day the
  time that stayed free, on a future day the time that can still be booked. Blocked-off time and withdrawn slots count
  in neither. Days on which free slots are not known are left out (dim_service.slots_known_from, slots_known_to),
  because they would look fully booked. Services without a slot duration are left out.
Audits:
  not null: location_id, service_id, local_date
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: utilisation from 0 to 1
  range: booked_minutes from 0
  range: free_minutes from 0
Columns:
  location_id: The location (tenant).
  service_id: The service.
  local_date: The local day.
  local_week: Monday of the local day's week.
  booked_appointments: Bookings of the day that are neither cancelled nor invalid.
  booked_minutes: Duration of these bookings.
  free_slots: Free slots of the day.
  free_minutes: Free time of these slots; overlapping slots count once.
  utilisation: booked_minutes / (booked_minutes + free_minutes); null if both are 0.
*/
WITH booked_and_free AS (
  SELECT
    location_id,
    service_id,
    local_date,
    1 AS booked_appointments,
    COALESCE(duration_minutes, 0) AS booked_minutes,
    0 AS free_slots,
    0 AS free_minutes
  FROM marts.fct_appointments
  WHERE takes_time AND service_id IS NOT NULL
  UNION ALL
  SELECT location_id, service_id, local_date, 0, 0, 1, free_minutes
  FROM marts.fct_slots
  WHERE state = 'free'
), daily_sums AS (
  SELECT
    location_id,
    service_id,
    local_date,
    CAST(SUM(booked_appointments) AS BIGINT) AS booked_appointments,
    CAST(SUM(booked_minutes) AS BIGINT) AS booked_minutes,
    CAST(SUM(free_slots) AS BIGINT) AS free_slots,
    CAST(SUM(free_minutes) AS BIGINT) AS free_minutes
  FROM booked_and_free
  GROUP BY location_id, service_id, local_date
)
SELECT
  daily_sums.location_id,
  daily_sums.service_id,
  daily_sums.local_date,
  CAST(DATE_TRUNC('WEEK', daily_sums.local_date) AS DATE) AS local_week,
  daily_sums.booked_appointments,
  daily_sums.booked_minutes,
  daily_sums.free_slots,
  daily_sums.free_minutes,
  daily_sums.booked_minutes / NULLIF(daily_sums.booked_minutes + daily_sums.free_minutes, 0) AS utilisation
FROM daily_sums
JOIN marts.dim_service AS service
  ON service.location_id = daily_sums.location_id
  AND service.service_id = daily_sums.service_id
  AND service.slot_duration_minutes IS NOT NULL
  AND daily_sums.local_date BETWEEN service.slots_known_from AND service.slots_known_to
