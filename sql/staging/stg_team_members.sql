/*
Grain: one row per location, team and member.
Question: Who belongs to which team?
Key: location_id, team_id, member_id
Audits:
  not null: location_id, team_id, member_id
Columns:
  location_id: The location (tenant).
  team_id: The team.
  member_id: The member's user id.
  name: The member's name.
  email: The member's email address, in lower case.
  extra: What the API sent beyond the typed columns, as a JSON object.
  deleted_at: When the membership was found to be gone, UTC; null while it lives.
  valid_from: When this version was first seen, UTC.
Not read:
  row_digest: tells versions apart for the load; no meaning of its own.
*/
SELECT
  location_id,
  team_id,
  user_id AS member_id,
  NULLIF(TRIM(name), '') AS name,
  NULLIF(LOWER(TRIM(email)), '') AS email,
  extra,
  deleted_at,
  _dlt_valid_from AS valid_from
FROM raw.team_members
WHERE _dlt_valid_to IS NULL
