/*
Grain: one row per location, raw table and reason.
Question: Which records could not be loaded, how many are there, and why?
Key: location_id, table_name, reason
Notes: The records stay in raw.rejected_records, because they may contain personal data. A record that was loaded
  later still counts.
Reads staging:
  stg_rejected_records: no mart holds rejected records, because they describe the sync and not the business.
Audits:
  not null: table_name, reason
  range: records from 1
Columns:
  records: Distinct rejected records.
  last_rejected_at: When the newest of them was first rejected, UTC.
*/
SELECT
  location_id,
  table_name,
  reason,
  COUNT(*) AS records,
  MAX(rejected_at) AS last_rejected_at
FROM staging.stg_rejected_records
GROUP BY location_id, table_name, reason
