/*
Grain: one row per location, service, member and version of the assignment.
Question: Which members took a service's appointments, and when?
Key: location_id, service_id, member_id, valid_from
Notes: Only what reports need of earlier versions; stg_service_members has the rest.
Audits:
  not null: location_id, service_id, member_id, valid_from
  check valid_to_after_valid_from: valid_to > valid_from
Columns:
  is_assigned: Whether the member takes the service's appointments in this version: not removed and not switched off.
*/
SELECT
  location_id,
  service_id,
  user_id AS member_id,
  priority,
  selected AS is_selected,
  deleted_at IS NULL AND COALESCE(selected, TRUE) AS is_assigned,
  deleted_at,
  unchanged_since,
  _dlt_valid_from AS valid_from,
  _dlt_valid_to AS valid_to
FROM raw.service_members
