/*
Grain: one row per location, raw table and reason.
Question: What came that could not be loaded, how much of it, and why?
Key: location_id, table_name, reason
Notes: The records themselves stay in raw.rejected_records, since they may hold personal data. One that fits again later
  stays counted: compare last_rejected_at with the last run.
Audits:
  not null: table_name, reason
  range: records from 1
Columns:
  location_id: The location (tenant) they came from.
  table_name: The raw table they would have stood in.
  reason: Why they could not be loaded.
  records: Distinct records.
  last_rejected_at: When the last of them was last rejected, UTC.
*/
SELECT
  location_id,
  table_name,
  reason,
  COUNT(*) AS records,
  MAX(rejected_at) AS last_rejected_at
FROM staging.stg_rejected_records
GROUP BY location_id, table_name, reason
