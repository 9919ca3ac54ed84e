/*
Grain: one row per location and team.
Question: Which teams exist, and which were deleted?
Key: location_id, team_id
Audits:
  not null: location_id, team_id
Columns:
  team_id: The team.
  valid_from: When a sync first saw the record as it is now, UTC.
Not read:
  row_digest: internal to the sync.
*/
SELECT
  location_id,
  id AS team_id,
  name,
  calendar_name,
  description,
  slug,
  link,
  should_assign_contact_to_team_member AS assigns_contact_to_member,
  should_skip_assigning_contact_for_existing AS keeps_member_of_existing_contact,
  extra,
  deleted_at,
  COALESCE(unchanged_since, _dlt_valid_from) AS valid_from
FROM raw.teams
WHERE _dlt_valid_to IS NULL
