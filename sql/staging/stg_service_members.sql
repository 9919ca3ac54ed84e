/*
Grain: one row per location, service and member.
Question: Who takes a service's appointments?
Key: location_id, service_id, member_id
Audits:
  not null: location_id, service_id, member_id
Columns:
  location_id: The location (tenant).
  service_id: The service.
  member_id: The member's user id.
  priority: The member's priority in the round robin.
  is_selected: Whether the member takes appointments now.
  meeting_location: Where this member's appointments take place.
  extra: What the API sent beyond the typed columns, as a JSON object.
  deleted_at: When the assignment was found to be gone, UTC; null while it lives.
  valid_from: When this version was first seen, UTC.
Not read:
  row_digest: tells versions apart for the load; no meaning of its own.
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
  _dlt_valid_from AS valid_from
FROM raw.service_members
WHERE _dlt_valid_to IS NULL
