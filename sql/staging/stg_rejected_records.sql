/*
Grain: one row per rejected record.
Question: What came that could not be loaded, and why?
Key: rejection_id
Audits:
  not null: rejection_id
Columns:
  rejection_id: Digest of location, table, reason and record.
  location_id: The location (tenant) it came from.
  table_name: The raw table it would have stood in.
  reason: Why it could not be loaded.
  rejected_at: When it was last rejected, UTC.
  run_id: The run that last rejected it.
Not read:
  record: the record as it came may hold personal data, and it is raw's to keep.
*/
SELECT
  rejection_id,
  location_id,
  table_name,
  reason,
  rejected_at,
  run_id
FROM raw.rejected_records
