/*
Grain: one row per location, team and member.
Question: Which members belong to which team?
Key: location_id, team_id, member_id
Audits:
  not null: location_id, team_id, member_id
Columns:
  name: The member's name.
  email: The member's email address, in lower case.
  valid_from: When a sync first saw the record as it is now, UTC.
Not read:
  row_digest: internal to the sync.
*/
SELECT
  location_id,
  team_id,
  user_id AS member_id,
  NULLIF(TRIM(name), '') AS name,
  NULLIF(LOWER(TRIM(email)), '') AS email,
  extra,
  deleted_at,
  COALESCE(unchanged_since, _dlt_valid_from) AS valid_from
FROM raw.team_members
WHERE _dlt_valid_to IS NULL
