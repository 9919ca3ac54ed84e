/*
Grain: one row per location and team.
Question: Which teams exist?
Key: location_id, team_id
Notes: Includes teams that appear only in services or appointments (is_inferred), such as a team deleted before the
  first sync, so that every appointment finds its team.
Audits:
  not null: location_id, team_id, is_deleted, is_inferred
  references: location_id -> marts.dim_location (location_id)
Columns:
  location_id: The location (tenant).
  team_id: The team.
  name: The team's name; null if is_inferred.
  slug: The booking page's unique slug.
  members: Members of the team now.
  is_deleted: Whether the team was deleted.
  is_inferred: Whether the team is known only from services or appointments.
*/
WITH team_mentions AS (
  SELECT location_id, team_id, name, slug, deleted_at, 0 AS is_inferred FROM staging.stg_teams
  UNION ALL
  SELECT DISTINCT location_id, team_id, CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS TIMESTAMPTZ), 1
  FROM staging.stg_services
  WHERE team_id IS NOT NULL
  UNION ALL
  SELECT DISTINCT location_id, team_id, CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS TIMESTAMPTZ), 1
  FROM staging.stg_appointments
  WHERE team_id IS NOT NULL
), teams AS (
  SELECT
    location_id,
    team_id,
    MAX(name) AS name,
    MAX(slug) AS slug,
    MAX(deleted_at) AS deleted_at,
    MIN(is_inferred) AS is_inferred
  FROM team_mentions
  GROUP BY location_id, team_id
), member_counts AS (
  SELECT location_id, team_id, COUNT(*) AS members
  FROM staging.stg_team_members
  WHERE deleted_at IS NULL
  GROUP BY location_id, team_id
)
SELECT
  teams.location_id,
  teams.team_id,
  teams.name,
  teams.slug,
  COALESCE(member_counts.members, 0) AS members,
  teams.deleted_at IS NOT NULL AS is_deleted,
  teams.is_inferred = 1 AS is_inferred
FROM teams
LEFT JOIN member_counts ON member_counts.location_id = teams.location_id AND member_counts.team_id = teams.team_id
