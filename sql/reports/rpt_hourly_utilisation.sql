/*
Grain: one row per location, service, local day and local hour with booked or free time.
Question: At which weekdays and hours is a service fully booked, and when is it empty?
Key: location_id, service_id, local_date, local_hour
Notes: Utilisation = booked minutes / (booked + free minutes), as in rpt_utilisation. Minutes count in the hour they
  fall in: a booking from 9:30 to 11:00 adds 30 minutes to hour 9 and 60 to hour 10. Only the first 24 hours of a
  booking count. Booked minutes of several members add up, so an hour can have more than 60. For a weekday heat map,
  sum the minutes over days and then divide; averaging daily rates would give quiet days the same weight as busy days.
  open_minutes uses the current opening hours for all days. Only days with known free slots are included
  (dim_service.slots_known_from).
Reads staging:
  stg_service_hours: no mart holds opening hours by weekday.
Audits:
  not null: location_id, service_id, local_date, local_hour
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: local_weekday from 1 to 7
  range: local_hour from 0 to 23
  range: booked_minutes from 0
  range: free_minutes from 0
  range: open_minutes from 0 to 60
  range: utilisation from 0 to 1
Columns:
  location_id: The location (tenant).
  service_id: The service.
  local_date: The local day.
  local_week: Monday of the local day's week.
  local_weekday: Weekday of the local day, 1 Monday to 7 Sunday.
  local_hour: The local hour, 0 to 23.
  booked_minutes: Minutes of the hour taken by bookings that are neither cancelled nor invalid.
  free_minutes: Minutes of the hour covered by free slots; overlapping slots count once.
  open_minutes: Minutes of the hour within the service's opening hours on that weekday; 0 outside them.
  utilisation: booked_minutes / (booked_minutes + free_minutes); null if both are 0.
*/
WITH digits AS (
  SELECT digit FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS digit_values (digit)
), hours AS (
  SELECT ones.digit + 10 * tens.digit AS hour
  FROM digits AS ones
  CROSS JOIN digits AS tens
  WHERE ones.digit + 10 * tens.digit < 24
), durations AS (
  SELECT
    location_id,
    service_id,
    local_date,
    local_hour,
    CAST(EXTRACT(MINUTE FROM local_start) AS BIGINT) AS from_minute,
    CAST(EXTRACT(MINUTE FROM local_start) AS BIGINT) + duration_minutes AS to_minute,
    1 AS booked
  FROM marts.fct_appointments
  WHERE takes_time AND duration_minutes > 0
  UNION ALL
  SELECT
    location_id,
    service_id,
    local_date,
    local_hour,
    CAST(EXTRACT(MINUTE FROM local_start) AS BIGINT),
    CAST(EXTRACT(MINUTE FROM local_start) AS BIGINT) + free_minutes,
    0
  FROM marts.fct_slots
  WHERE state = 'free' AND free_minutes > 0
), known_durations AS (
  -- Filter to known days first: the next step makes a row per hour of each duration.
  SELECT durations.*
  FROM durations
  JOIN marts.dim_service AS service
    ON service.location_id = durations.location_id
    AND service.service_id = durations.service_id
    AND service.slot_duration_minutes IS NOT NULL
    AND durations.local_date BETWEEN service.slots_known_from AND service.slots_known_to
), pieces_per_hour AS (
  SELECT
    known_durations.location_id,
    known_durations.service_id,
    known_durations.local_date,
    known_durations.local_hour + hours.hour AS hour,
    LEAST(known_durations.to_minute, hours.hour * 60 + 60)
      - GREATEST(known_durations.from_minute, hours.hour * 60) AS minutes,
    known_durations.booked
  FROM known_durations
  JOIN hours ON hours.hour * 60 < known_durations.to_minute
), hourly_minutes AS (
  SELECT
    location_id,
    service_id,
    -- Hours past midnight belong to the next day.
    local_date + CASE WHEN hour >= 24 THEN 1 ELSE 0 END AS local_date,
    hour - CASE WHEN hour >= 24 THEN 24 ELSE 0 END AS local_hour,
    CAST(SUM(CASE WHEN booked = 1 THEN minutes ELSE 0 END) AS BIGINT) AS booked_minutes,
    CAST(SUM(CASE WHEN booked = 0 THEN minutes ELSE 0 END) AS BIGINT) AS free_minutes
  FROM pieces_per_hour
  GROUP BY
    location_id,
    service_id,
    local_date + CASE WHEN hour >= 24 THEN 1 ELSE 0 END,
    hour - CASE WHEN hour >= 24 THEN 24 ELSE 0 END
), hours_with_weekday AS (
  SELECT *, CAST(EXTRACT(ISODOW FROM local_date) AS INTEGER) AS local_weekday FROM hourly_minutes
), opening_minutes AS (
  SELECT
    opening.location_id,
    opening.service_id,
    opening.weekday,
    hours.hour,
    SUM(
      LEAST(opening.closes_at_minute, hours.hour * 60 + 60) - GREATEST(opening.opens_at_minute, hours.hour * 60)
    ) AS minutes
  FROM staging.stg_service_hours AS opening
  JOIN hours
    ON hours.hour * 60 < opening.closes_at_minute AND hours.hour * 60 + 60 > opening.opens_at_minute
  WHERE opening.deleted_at IS NULL AND opening.open_minutes > 0
  GROUP BY opening.location_id, opening.service_id, opening.weekday, hours.hour
)
SELECT
  hours_with_weekday.location_id,
  hours_with_weekday.service_id,
  hours_with_weekday.local_date,
  CAST(DATE_TRUNC('WEEK', hours_with_weekday.local_date) AS DATE) AS local_week,
  hours_with_weekday.local_weekday,
  CAST(hours_with_weekday.local_hour AS INTEGER) AS local_hour,
  hours_with_weekday.booked_minutes,
  hours_with_weekday.free_minutes,
  -- The sum counts overlapping openings twice; an hour has at most 60 minutes.
  CAST(LEAST(COALESCE(opening_minutes.minutes, 0), 60) AS BIGINT) AS open_minutes,
  hours_with_weekday.booked_minutes
    / NULLIF(hours_with_weekday.booked_minutes + hours_with_weekday.free_minutes, 0) AS utilisation
FROM hours_with_weekday
LEFT JOIN opening_minutes
  ON opening_minutes.location_id = hours_with_weekday.location_id
  AND opening_minutes.service_id = hours_with_weekday.service_id
  AND opening_minutes.weekday = hours_with_weekday.local_weekday
  AND opening_minutes.hour = hours_with_weekday.local_hour
