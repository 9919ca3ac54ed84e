/*
Grain: one row per location, service, local day and hour in which something is booked or free, where free times are known.
Question: At which hours of which weekdays is there no room left, and at which is there too much?
Key: location_id, service_id, local_date, local_hour
Notes: Utilisation = booked minutes / (booked + free minutes), as in rpt_utilisation, but every minute counts in the hour it
  falls in: a booking from 9:30 to 11:00 adds 30 minutes to 9 and 60 to 10. Of what lasts longer than a day, the first day
  counts. Several members booked at once add up: an hour may have more than 60 booked minutes. Sum over days for a heat map
  of weekdays and hours; a mean of the daily rates would weigh quiet days like busy ones.
  Office hours are those that hold now, whatever day it is: earlier ones are not kept here.
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
  local_date: The day, on the location's clock.
  local_week: Monday of that day's week.
  local_weekday: Its weekday, 1 Monday to 7 Sunday.
  local_hour: The hour, 0 to 23, on the location's clock.
  booked_minutes: Minutes of the hour that bookings take, those cancelled or invalid left out.
  free_minutes: Minutes of the hour that can be booked, or could when their time came; overlapping slots counted once.
  open_minutes: Minutes of the hour within the service's office hours of that weekday; 0 outside them.
  utilisation: booked_minutes / (booked_minutes + free_minutes); null where both are 0.
*/
WITH digits AS (
  SELECT digit FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS digit_values (digit)
), hours AS (
  SELECT ones.digit + 10 * tens.digit AS hour
  FROM digits AS ones
  CROSS JOIN digits AS tens
  WHERE ones.digit + 10 * tens.digit < 24
), stretches AS (
  SELECT
    location_id,
    service_id,
    local_date,
    local_hour,
    CAST(EXTRACT(MINUTE FROM local_start) AS BIGINT) AS from_minute,
    CAST(EXTRACT(MINUTE FROM local_start) AS BIGINT) + duration_minutes AS to_minute,
    1 AS booked
  FROM marts.fct_appointments
  WHERE is_booking AND status NOT IN ('cancelled', 'invalid') AND duration_minutes > 0
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
), known AS (
  -- Only now, when few are left, is each taken apart into its hours.
  SELECT stretches.*
  FROM stretches
  JOIN marts.dim_service AS service
    ON service.location_id = stretches.location_id
    AND service.service_id = stretches.service_id
    AND service.slot_duration_minutes IS NOT NULL
    AND stretches.local_date BETWEEN service.slots_known_from AND service.slots_known_to
), pieces AS (
  SELECT
    known.location_id,
    known.service_id,
    known.local_date,
    known.local_hour + hours.hour AS hour,
    LEAST(known.to_minute, hours.hour * 60 + 60) - GREATEST(known.from_minute, hours.hour * 60) AS minutes,
    known.booked
  FROM known
  JOIN hours ON hours.hour * 60 < known.to_minute
), summed AS (
  SELECT
    location_id,
    service_id,
    -- What runs past midnight goes on in the next day's first hours.
    local_date + CASE WHEN hour >= 24 THEN 1 ELSE 0 END AS local_date,
    hour - CASE WHEN hour >= 24 THEN 24 ELSE 0 END AS local_hour,
    CAST(SUM(CASE WHEN booked = 1 THEN minutes ELSE 0 END) AS BIGINT) AS booked_minutes,
    CAST(SUM(CASE WHEN booked = 0 THEN minutes ELSE 0 END) AS BIGINT) AS free_minutes
  FROM pieces
  GROUP BY
    location_id,
    service_id,
    local_date + CASE WHEN hour >= 24 THEN 1 ELSE 0 END,
    hour - CASE WHEN hour >= 24 THEN 24 ELSE 0 END
), dated AS (
  SELECT *, CAST(EXTRACT(ISODOW FROM local_date) AS INTEGER) AS local_weekday FROM summed
), office AS (
  SELECT
    opening.location_id,
    opening.service_id,
    opening.weekday,
    hours.hour,
    SUM(LEAST(opening.closes_at_minute, hours.hour * 60 + 60) - GREATEST(opening.opens_at_minute, hours.hour * 60)) AS minutes
  FROM staging.stg_service_hours AS opening
  JOIN hours
    ON hours.hour * 60 < opening.closes_at_minute AND hours.hour * 60 + 60 > opening.opens_at_minute
  WHERE opening.deleted_at IS NULL AND opening.open_minutes > 0
  GROUP BY opening.location_id, opening.service_id, opening.weekday, hours.hour
)
SELECT
  dated.location_id,
  dated.service_id,
  dated.local_date,
  CAST(DATE_TRUNC('WEEK', dated.local_date) AS DATE) AS local_week,
  dated.local_weekday,
  CAST(dated.local_hour AS INTEGER) AS local_hour,
  dated.booked_minutes,
  dated.free_minutes,
  -- Openings that overlap are open once.
  CAST(LEAST(COALESCE(office.minutes, 0), 60) AS BIGINT) AS open_minutes,
  dated.booked_minutes / NULLIF(dated.booked_minutes + dated.free_minutes, 0) AS utilisation
FROM dated
LEFT JOIN office
  ON office.location_id = dated.location_id
  AND office.service_id = dated.service_id
  AND office.weekday = dated.local_weekday
  AND office.hour = dated.local_hour
