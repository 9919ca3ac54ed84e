/*
Grain: one row per location and team.
Question: Which teams are there?
Key: location_id, team_id
Notes: A team that only a service or an appointment names (deleted before the first sync, say) is here too, without a
  name, so that nothing that refers to it is an orphan.
Audits:
  not null: location_id, team_id, is_deleted, is_inferred
  references: location_id -> marts.dim_location (location_id)
Columns:
  location_id: The location (tenant).
  team_id: The team.
  name: The team's name; null for an inferred one.
  slug: The booking page's slug.
  members: Members it has now.
  is_deleted: Whether it is gone.
  is_inferred: Whether it is known only because a service or an appointment names it.
*/
WITH known AS (
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
  FROM known
  GROUP BY location_id, team_id
), members AS (
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
  COALESCE(members.members, 0) AS members,
  teams.deleted_at IS NOT NULL AS is_deleted,
  teams.is_inferred = 1 AS is_inferred
FROM teams
LEFT JOIN members ON members.location_id = teams.location_id AND members.team_id = teams.team_id
