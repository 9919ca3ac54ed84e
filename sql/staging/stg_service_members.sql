/*
Grain: one row per location, service and member.
Question: Which members take a service's appointments?
Key: location_id, service_id, member_id
Audits:
  not null: location_id, service_id, member_id
Columns:
  valid_from: When a sync first saw the record as it is now, UTC.
Not read:
  row_digest: internal to the sync.
*/
SELECT
  location_id,
  service_id,
  user_id AS member_id,
  priority,
  selected AS is_selected,
  meeting_location,
  extra,
  deleted_at,
  COALESCE(unchanged_since, _dlt_valid_from) AS valid_from
FROM raw.service_members
WHERE _dlt_valid_to IS NULL
