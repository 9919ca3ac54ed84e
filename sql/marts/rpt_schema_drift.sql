/*
Grain: one row per location, raw table and field that no column holds.
Question: What does the API send that the tables have no column for?
Key: location_id, table_name, field
Notes: Current records, living and gone. The values stand in the tables' extra column. A field that is a column's own source
  is here where its value did not fit the column's type. A custom field with several values counts once for each.
Audits:
  not null: location_id, table_name, field
  references: location_id -> marts.dim_location (location_id)
  range: records from 1
Columns:
  location_id: The location (tenant).
  table_name: The raw table.
  field: The field's name, at the top of the record.
  records: Records that have it.
  first_seen_at: Since when the oldest of them has stood as it is, UTC.
  last_seen_at: Since when the newest of them has stood as it is, UTC.
*/
WITH extras AS (
  SELECT location_id, 'teams' AS table_name, extra, valid_from FROM staging.stg_teams WHERE extra IS NOT NULL
  UNION ALL
  SELECT location_id, 'team_members', extra, valid_from FROM staging.stg_team_members WHERE extra IS NOT NULL
  UNION ALL
  SELECT location_id, 'services', extra, valid_from FROM staging.stg_services WHERE extra IS NOT NULL
  UNION ALL
  SELECT location_id, 'service_members', extra, valid_from FROM staging.stg_service_members WHERE extra IS NOT NULL
  UNION ALL
  SELECT location_id, 'service_hours', extra, valid_from FROM staging.stg_service_hours WHERE extra IS NOT NULL
  UNION ALL
  SELECT location_id, 'appointments', extra, valid_from FROM staging.stg_appointments WHERE extra IS NOT NULL
  UNION ALL
  SELECT location_id, 'contacts', extra, valid_from FROM staging.stg_contacts WHERE extra IS NOT NULL
  UNION ALL
  SELECT location_id, 'contact_custom_fields', extra, valid_from FROM staging.stg_contact_custom_fields WHERE extra IS NOT NULL
), fields AS (
  SELECT extras.location_id, extras.table_name, element.field, extras.valid_from
  FROM extras
  -- The runner turns JSON_KEYS into each dialect's own way to name an object's keys.
  CROSS JOIN UNNEST(JSON_KEYS(extras.extra)) AS element(field)
)
SELECT
  location_id,
  table_name,
  field,
  COUNT(*) AS records,
  MIN(valid_from) AS first_seen_at,
  MAX(valid_from) AS last_seen_at
FROM fields
GROUP BY location_id, table_name, field
