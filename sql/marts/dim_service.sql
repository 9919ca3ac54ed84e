/*
Grain: one row per location and service.
Question: Which services exist, how long do they take, when are they open, and on which days are their free slots known?
Key: location_id, service_id
Notes: Includes services that appear only in appointments or slots (is_inferred), so that every appointment finds its
  service. Free slots are known from the day after the location's first slot was seen, or after the service was first
  seen if that was later. They are known until the local day of the service's latest slot; for a deleted service, at
  most until the day before it was deleted. Outside these days a missing slot does not mean that the service was fully
  booked.
Audits:
  not null: location_id, service_id, is_deleted, is_inferred
  references: location_id -> marts.dim_location (location_id)
  references: location_id, team_id -> marts.dim_team (location_id, team_id)
Columns:
  location_id: The location (tenant).
  service_id: The service.
  name: The service's name; null if is_inferred.
  booking_notice_minutes: Shortest time between a booking and its start; 0 if there is no rule.
  open_minutes_per_week: Opening hours per week, in minutes.
  members: Members who take the service's appointments now.
  slots_known_from: First local day on which free slots are known; null if none are.
  slots_known_to: Last local day on which free slots are known.
  is_deleted: Whether the service was deleted.
  is_inferred: Whether the service is known only from appointments or slots.
*/
WITH all_services AS (
  SELECT location_id, service_id FROM staging.stg_services
  UNION
  SELECT location_id, service_id FROM staging.stg_appointments WHERE service_id IS NOT NULL
  UNION
  SELECT location_id, service_id FROM staging.stg_slot_coverage
), open_minutes AS (
  SELECT location_id, service_id, CAST(SUM(open_minutes) AS BIGINT) AS open_minutes_per_week
  FROM staging.stg_service_hours
  WHERE deleted_at IS NULL
  GROUP BY location_id, service_id
), member_counts AS (
  SELECT location_id, service_id, COUNT(*) AS members
  FROM staging.stg_service_members
  WHERE deleted_at IS NULL AND COALESCE(is_selected, TRUE)
  GROUP BY location_id, service_id
), slot_coverage AS (
  SELECT
    location_id,
    service_id,
    MIN(first_seen_at) OVER (PARTITION BY location_id) AS first_seen_at,
    service_seen_at,
    last_starts_at
  FROM staging.stg_slot_coverage
)
SELECT
  all_services.location_id,
  all_services.service_id,
  services.team_id,
  services.name,
  services.slot_duration_minutes,
  services.slot_interval_minutes,
  services.slot_buffer_minutes,
  services.appointments_per_slot,
  services.appointments_per_day,
  COALESCE(services.booking_notice_minutes, 0) AS booking_notice_minutes,
  COALESCE(open_minutes.open_minutes_per_week, 0) AS open_minutes_per_week,
  COALESCE(member_counts.members, 0) AS members,
  CASE
    WHEN slot_coverage.service_seen_at > slot_coverage.first_seen_at
      THEN CAST(slot_coverage.service_seen_at AT TIME ZONE location.timezone AS DATE) + 1
    ELSE CAST(slot_coverage.first_seen_at AT TIME ZONE location.timezone AS DATE) + 1
  END AS slots_known_from,
  CASE
    WHEN services.deleted_at <= slot_coverage.last_starts_at
      THEN CAST(services.deleted_at AT TIME ZONE location.timezone AS DATE) - 1
    ELSE CAST(slot_coverage.last_starts_at AT TIME ZONE location.timezone AS DATE)
  END AS slots_known_to,
  services.deleted_at IS NOT NULL AS is_deleted,
  services.service_id IS NULL AS is_inferred
FROM all_services
JOIN marts.dim_location AS location ON location.location_id = all_services.location_id
LEFT JOIN staging.stg_services AS services
  ON services.location_id = all_services.location_id AND services.service_id = all_services.service_id
LEFT JOIN open_minutes
  ON open_minutes.location_id = all_services.location_id AND open_minutes.service_id = all_services.service_id
LEFT JOIN member_counts
  ON member_counts.location_id = all_services.location_id AND member_counts.service_id = all_services.service_id
LEFT JOIN slot_coverage
  ON slot_coverage.location_id = all_services.location_id AND slot_coverage.service_id = all_services.service_id
