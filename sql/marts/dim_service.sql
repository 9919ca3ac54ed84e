/*
Grain: one row per location and service.
Question: Which services are there, how long do they take, when are they open, and for which days are their slots known?
Key: location_id, service_id
Notes: A service that only an appointment or a slot names is here too, without a name, so that nothing that refers to
  it is an orphan.
  The free times of a local day are known from the first whole day after the location's slots were first seen, or the
  service where it came later, to the last day of which the service ever showed a slot, or the last whole day before it
  was gone: before, nobody looked; after, nothing can be booked.
Audits:
  not null: location_id, service_id, is_deleted, is_inferred
  references: location_id -> marts.dim_location (location_id)
  references: location_id, team_id -> marts.dim_team (location_id, team_id)
Columns:
  location_id: The location (tenant).
  service_id: The service.
  team_id: The team it belongs to.
  name: The service's name; null for an inferred one.
  slot_duration_minutes: Length of an appointment.
  slot_interval_minutes: Time from one slot's start to the next.
  slot_buffer_minutes: Time kept free after an appointment.
  appointments_per_slot: How many may book the same slot.
  appointments_per_day: How many may be booked in a day.
  booking_notice_minutes: Least notice before a slot's start; 0 where there is no rule.
  open_minutes_per_week: Office hours of a week, in minutes.
  members: Members who take its appointments now.
  slots_known_from: First local day whose free times are known; null where none are.
  slots_known_to: Last local day whose free times are known.
  is_deleted: Whether it is gone.
  is_inferred: Whether it is known only because an appointment or a slot names it.
*/
WITH keys AS (
  SELECT location_id, service_id FROM staging.stg_services
  UNION
  SELECT location_id, service_id FROM staging.stg_appointments WHERE service_id IS NOT NULL
  UNION
  SELECT location_id, service_id FROM staging.stg_slot_coverage
), hours AS (
  SELECT location_id, service_id, CAST(SUM(open_minutes) AS BIGINT) AS open_minutes_per_week
  FROM staging.stg_service_hours
  WHERE deleted_at IS NULL
  GROUP BY location_id, service_id
), members AS (
  SELECT location_id, service_id, COUNT(*) AS members
  FROM staging.stg_service_members
  WHERE deleted_at IS NULL AND COALESCE(is_selected, TRUE)
  GROUP BY location_id, service_id
), coverage AS (
  SELECT
    location_id,
    service_id,
    MIN(first_seen_at) OVER (PARTITION BY location_id) AS first_seen_at,
    service_seen_at,
    last_starts_at
  FROM staging.stg_slot_coverage
)
SELECT
  keys.location_id,
  keys.service_id,
  services.team_id,
  services.name,
  services.slot_duration_minutes,
  services.slot_interval_minutes,
  services.slot_buffer_minutes,
  services.appointments_per_slot,
  services.appointments_per_day,
  COALESCE(services.booking_notice_minutes, 0) AS booking_notice_minutes,
  COALESCE(hours.open_minutes_per_week, 0) AS open_minutes_per_week,
  COALESCE(members.members, 0) AS members,
  CASE
    WHEN coverage.service_seen_at > coverage.first_seen_at
      THEN CAST(coverage.service_seen_at AT TIME ZONE location.timezone AS DATE) + 1
    ELSE CAST(coverage.first_seen_at AT TIME ZONE location.timezone AS DATE) + 1
  END AS slots_known_from,
  CASE
    WHEN services.deleted_at <= coverage.last_starts_at
      THEN CAST(services.deleted_at AT TIME ZONE location.timezone AS DATE) - 1
    ELSE CAST(coverage.last_starts_at AT TIME ZONE location.timezone AS DATE)
  END AS slots_known_to,
  services.deleted_at IS NOT NULL AS is_deleted,
  services.service_id IS NULL AS is_inferred
FROM keys
JOIN marts.dim_location AS location ON location.location_id = keys.location_id
LEFT JOIN staging.stg_services AS services
  ON services.location_id = keys.location_id AND services.service_id = keys.service_id
LEFT JOIN hours ON hours.location_id = keys.location_id AND hours.service_id = keys.service_id
LEFT JOIN members ON members.location_id = keys.location_id AND members.service_id = keys.service_id
LEFT JOIN coverage ON coverage.location_id = keys.location_id AND coverage.service_id = keys.service_id
