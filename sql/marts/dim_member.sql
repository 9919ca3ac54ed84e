/*
Grain: one row per location and member.
Question: Who takes appointments, and who is still with a team?
Key: location_id, member_id
Notes: Members come from teams, from services and from appointments: one that only appointments name has no name here,
  and is no orphan there. A member of several teams has one row; where teams disagree, a live membership's name wins,
  then the last by the alphabet.
Audits:
  not null: location_id, member_id, is_active
  references: location_id -> marts.dim_location (location_id)
  range: teams from 0
  range: services from 0
Columns:
  location_id: The location (tenant).
  member_id: The member's user id.
  name: The member's name, where a team has told it.
  email: The member's email address, where a team has told it.
  teams: Teams the member belongs to now.
  services: Services whose appointments the member takes now.
  is_active: Whether the member belongs to a team or takes a service's appointments now.
*/
WITH known AS (
  SELECT
    location_id,
    member_id,
    CASE WHEN deleted_at IS NULL THEN name END AS live_name,
    CASE WHEN deleted_at IS NULL THEN email END AS live_email,
    name,
    email,
    CASE WHEN deleted_at IS NULL THEN 1 ELSE 0 END AS teams,
    0 AS services
  FROM staging.stg_team_members
  UNION ALL
  SELECT
    location_id,
    member_id,
    NULL,
    NULL,
    NULL,
    NULL,
    0,
    CASE WHEN deleted_at IS NULL AND COALESCE(is_selected, TRUE) THEN 1 ELSE 0 END
  FROM staging.stg_service_members
  UNION ALL
  SELECT DISTINCT location_id, member_id, NULL, NULL, NULL, NULL, 0, 0
  FROM staging.stg_appointment_versions
  WHERE member_id IS NOT NULL
)
SELECT
  known.location_id,
  known.member_id,
  COALESCE(MAX(known.live_name), MAX(known.name)) AS name,
  COALESCE(MAX(known.live_email), MAX(known.email)) AS email,
  CAST(SUM(known.teams) AS BIGINT) AS teams,
  CAST(SUM(known.services) AS BIGINT) AS services,
  SUM(known.teams) + SUM(known.services) > 0 AS is_active
FROM known
GROUP BY known.location_id, known.member_id
