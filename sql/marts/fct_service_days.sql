/*
Grain: one row per location, service and local day on which the service existed.
Question: How long were a service's slots on each day, and how many bookings could it take at the same time?
Key: location_id, service_id, local_date
Clock: day
Notes: From the first day with an appointment or slot of the service, or the day on which a sync first saw it, to the
  last day with one, but at least for the 28 days that begin today. A service that was deleted ends with its last
  appointment or slot. The rules of a day are the version that a sync had seen by then; for days before the first sync
  they are what that sync saw (is_rule_known). The days are limited to the last 20 and the next 5 years.
Audits:
  not null: location_id, service_id, local_date, seats_per_slot, members, seats
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: seats from 1
Columns:
  location_id: The location (tenant).
  service_id: The service.
  local_date: The local day.
  slot_duration_minutes: Length of the service's slots on that day, in minutes; null if not known.
  seats_per_slot: Bookings that one member could take at the same time on that day.
  members: Members who took the service's bookings on that day.
  seats: seats_per_slot times members: bookings that the service could take at the same time. A service without members
    counts like one with one member.
  is_rule_known: Whether a sync had seen the service by then. If not, slot_duration_minutes, seats_per_slot and members
    are those that the first sync saw.
*/
WITH digits AS (
  SELECT digit FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS digit_values (digit)
), numbers AS (
  SELECT ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit AS number
  FROM digits AS ones
  CROSS JOIN digits AS tens
  CROSS JOIN digits AS hundreds
  CROSS JOIN digits AS thousands
), slot_bounds AS (
  SELECT location_id, service_id, MIN(starts_at) AS first_starts_at, MAX(starts_at) AS last_starts_at
  FROM staging.stg_slots
  GROUP BY location_id, service_id
), bounds AS (
  SELECT
    slot_bounds.location_id,
    slot_bounds.service_id,
    CAST(slot_bounds.first_starts_at AT TIME ZONE location.timezone AS DATE) AS first_date,
    CAST(slot_bounds.last_starts_at AT TIME ZONE location.timezone AS DATE) AS last_date
  FROM slot_bounds
  JOIN marts.dim_location AS location ON location.location_id = slot_bounds.location_id
  UNION ALL
  SELECT location_id, service_id, MIN(local_date), MAX(local_date)
  FROM marts.fct_appointments
  WHERE service_id IS NOT NULL
  GROUP BY location_id, service_id
), service_bounds AS (
  SELECT location_id, service_id, MIN(first_date) AS first_date, MAX(last_date) AS last_date
  FROM bounds
  GROUP BY location_id, service_id
), version_spans AS (
  SELECT
    versions.location_id,
    versions.service_id,
    versions.slot_duration_minutes,
    versions.seats_per_slot,
    CASE
      WHEN ROW_NUMBER() OVER (
        PARTITION BY versions.location_id, versions.service_id ORDER BY versions.valid_from
      ) > 1 THEN CAST(versions.valid_from AT TIME ZONE location.timezone AS DATE)
    END AS from_date,
    CAST(versions.valid_to AT TIME ZONE location.timezone AS DATE) AS before_date,
    CAST(MIN(versions.valid_from) OVER (PARTITION BY versions.location_id, versions.service_id)
      AT TIME ZONE location.timezone AS DATE) AS seen_date
  FROM staging.stg_service_versions AS versions
  JOIN marts.dim_location AS location ON location.location_id = versions.location_id
), first_seen_services AS (
  SELECT location_id, service_id, MIN(seen_date) AS seen_date
  FROM version_spans
  GROUP BY location_id, service_id
), service_ranges AS (
  SELECT
    service.location_id,
    service.service_id,
    service.slot_duration_minutes,
    seen.seen_date,
    GREATEST(
      LEAST(COALESCE(edge.first_date, seen.seen_date), COALESCE(seen.seen_date, edge.first_date)),
      CAST($now AT TIME ZONE location.timezone AS DATE) - 7305
    ) AS first_date,
    LEAST(
      GREATEST(
        COALESCE(edge.last_date, seen.seen_date),
        CASE
          WHEN service.is_deleted OR service.is_inferred THEN COALESCE(edge.last_date, seen.seen_date)
          ELSE CAST($now AT TIME ZONE location.timezone AS DATE) + 27
        END
      ),
      CAST($now AT TIME ZONE location.timezone AS DATE) + 1827
    ) AS last_date
  FROM marts.dim_service AS service
  JOIN marts.dim_location AS location ON location.location_id = service.location_id
  LEFT JOIN service_bounds AS edge
    ON edge.location_id = service.location_id AND edge.service_id = service.service_id
  LEFT JOIN first_seen_services AS seen
    ON seen.location_id = service.location_id AND seen.service_id = service.service_id
), days AS (
  SELECT
    location_id,
    service_id,
    slot_duration_minutes,
    seen_date,
    first_date + number AS local_date
  FROM service_ranges
  JOIN numbers ON number <= last_date - first_date
), member_counts AS (
  SELECT days.location_id, days.service_id, days.local_date, COUNT(*) AS members
  FROM days
  JOIN marts.dim_service_member AS assigned
    ON assigned.location_id = days.location_id
    AND assigned.service_id = days.service_id
    AND (assigned.from_date IS NULL OR assigned.from_date <= days.local_date)
    AND (assigned.before_date IS NULL OR assigned.before_date > days.local_date)
  GROUP BY days.location_id, days.service_id, days.local_date
)
SELECT
  days.location_id,
  days.service_id,
  days.local_date,
  COALESCE(versions.slot_duration_minutes, days.slot_duration_minutes) AS slot_duration_minutes,
  COALESCE(versions.seats_per_slot, 1) AS seats_per_slot,
  COALESCE(member_counts.members, 0) AS members,
  COALESCE(versions.seats_per_slot, 1) * COALESCE(member_counts.members, 1) AS seats,
  COALESCE(days.local_date >= days.seen_date, FALSE) AS is_rule_known
FROM days
LEFT JOIN version_spans AS versions
  ON versions.location_id = days.location_id
  AND versions.service_id = days.service_id
  AND (versions.from_date IS NULL OR versions.from_date <= days.local_date)
  AND (versions.before_date IS NULL OR versions.before_date > days.local_date)
LEFT JOIN member_counts
  ON member_counts.location_id = days.location_id
  AND member_counts.service_id = days.service_id
  AND member_counts.local_date = days.local_date
