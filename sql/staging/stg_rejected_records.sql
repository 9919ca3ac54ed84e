/*
Grain: one row per rejected record.
Question: Which records could not be loaded, and why?
Key: rejection_id
Audits:
  not null: rejection_id
Not read:
  record: the rejected record may contain personal data, so it stays in the raw table.
*/
SELECT
  rejection_id,
  location_id,
  table_name,
  reason,
  rejected_at,
  run_id
FROM raw.rejected_records
