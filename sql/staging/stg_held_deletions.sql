/*
Grain: one row per record and hold.
Question: Which records looked deleted without enough evidence, and what became of them?
Key: hold_id
Notes: A record that is held stays live. ended_at equals the deleted_at of its tombstone if it was deleted in the end.
Audits:
  not null: hold_id, location_id, table_name, why
Columns:
  record_id: The first part of the record's key, such as the appointment's id; null if the hold is for a whole table.
Not read:
  run_id: runs are in stg_runs.
*/
SELECT
  hold_id,
  location_id,
  table_name,
  record_key,
  JSON_EXTRACT_STRING(CAST(record_key AS JSON), '$[0]') AS record_id,
  why,
  held_rows,
  runs,
  first_seen_at,
  last_seen_at,
  ended_at,
  ended_as
FROM raw.held_deletions
