/*
Grain: one row per location, raw table, column and reason.
Question: Which values can no report use, how many are there, and in which records?
Key: location_id, table_name, column_name, reason
Notes: The records themselves are counted; only what needs the value goes without it. An appointment without a start is
  in no report by day. The raw tables keep what the API sent.
Reads staging:
  stg_unusable_values: no mart holds these values, because they describe the data's quality and not the business.
Audits:
  not null: location_id, table_name, column_name, reason
  references: location_id -> marts.dim_location (location_id)
  range: records from 1
Columns:
  records: Records with such a value.
  examples: The keys of up to three of the records, separated by commas.
*/
WITH numbered AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY location_id, table_name, column_name, reason ORDER BY record_id) AS place
  FROM staging.stg_unusable_values
)
SELECT
  location_id,
  table_name,
  column_name,
  reason,
  COUNT(*) AS records,
  COALESCE(MAX(CASE WHEN place = 1 THEN record_id END), '')
    || COALESCE(', ' || MAX(CASE WHEN place = 2 THEN record_id END), '')
    || COALESCE(', ' || MAX(CASE WHEN place = 3 THEN record_id END), '') AS examples
FROM numbered
GROUP BY location_id, table_name, column_name, reason
