/*
Grain: one row per location, service and local day for which the service's free times are known.
Question: How much of the time that could be booked was booked?
Key: location_id, service_id, local_date
Notes: Utilisation = booked minutes / (booked + free minutes).
  Booked: bookings neither cancelled nor invalid, with their own length; one who did not come had the time all the same.
  Free: the open time of free slots (fct_slots), which for a past day is what nobody had booked when its time came, and
  for a day ahead what can still be booked. Blocked-off time, withdrawn slots and slots taken are in neither.
  Only days on which free times are known (dim_service.slots_known_from and slots_known_to): on any other day utilisation
  would look like 100 %. Services whose slot length is unknown are left out.
Audits:
  not null: location_id, service_id, local_date
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: utilisation from 0 to 1
  range: booked_minutes from 0
  range: free_minutes from 0
Columns:
  location_id: The location (tenant).
  service_id: The service.
  local_date: The day, on the location's clock.
  local_week: Monday of that day's week.
  booked_appointments: Bookings of that day, neither cancelled nor invalid.
  booked_minutes: Their time.
  free_slots: Slots that are free, or were when their time came.
  free_minutes: Their time, overlaps counted once.
  utilisation: booked_minutes / (booked_minutes + free_minutes); null where both are 0.
*/
WITH times AS (
  SELECT
    location_id,
    service_id,
    local_date,
    1 AS booked_appointments,
    COALESCE(duration_minutes, 0) AS booked_minutes,
    0 AS free_slots,
    0 AS free_minutes
  FROM marts.fct_appointments
  WHERE is_booking AND status NOT IN ('cancelled', 'invalid') AND service_id IS NOT NULL
  UNION ALL
  SELECT location_id, service_id, local_date, 0, 0, 1, free_minutes
  FROM marts.fct_slots
  WHERE state = 'free'
), summed AS (
  SELECT
    location_id,
    service_id,
    local_date,
    CAST(SUM(booked_appointments) AS BIGINT) AS booked_appointments,
    CAST(SUM(booked_minutes) AS BIGINT) AS booked_minutes,
    CAST(SUM(free_slots) AS BIGINT) AS free_slots,
    CAST(SUM(free_minutes) AS BIGINT) AS free_minutes
  FROM times
  GROUP BY location_id, service_id, local_date
)
SELECT
  summed.location_id,
  summed.service_id,
  summed.local_date,
  CAST(DATE_TRUNC('WEEK', summed.local_date) AS DATE) AS local_week,
  summed.booked_appointments,
  summed.booked_minutes,
  summed.free_slots,
  summed.free_minutes,
  summed.booked_minutes / NULLIF(summed.booked_minutes + summed.free_minutes, 0) AS utilisation
FROM summed
JOIN marts.dim_service AS service
  ON service.location_id = summed.location_id
  AND service.service_id = summed.service_id
  AND service.slot_duration_minutes IS NOT NULL
  AND summed.local_date BETWEEN service.slots_known_from AND service.slots_known_to
