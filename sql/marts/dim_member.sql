/*
Grain: one row per location and member.
Question: Which members take appointments, and which are still active?
Key: location_id, member_id
Notes: Members come from teams, services and appointments. A member who appears only in appointments has no name. If a
  member's teams disagree on the name, names from current memberships win, then the last name in alphabetical order.
Audits:
  not null: location_id, member_id, is_active
  references: location_id -> marts.dim_location (location_id)
  range: teams from 0
  range: services from 0
Columns:
  location_id: The location (tenant).
  member_id: The member's user id.
  name: The member's name; null if no team names the member.
  email: The member's email address, in lower case; null if no team has it.
  teams: Teams the member belongs to now.
  services: Services for which the member takes appointments now.
  is_active: Whether the member belongs to a team or takes a service's appointments now.
*/
WITH memberships AS (
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
  memberships.location_id,
  memberships.member_id,
  COALESCE(MAX(memberships.live_name), MAX(memberships.name)) AS name,
  COALESCE(MAX(memberships.live_email), MAX(memberships.email)) AS email,
  CAST(SUM(memberships.teams) AS BIGINT) AS teams,
  CAST(SUM(memberships.services) AS BIGINT) AS services,
  SUM(memberships.teams) + SUM(memberships.services) > 0 AS is_active
FROM memberships
GROUP BY memberships.location_id, memberships.member_id
