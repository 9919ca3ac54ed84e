/*
Grain: one row per location, raw table and field without a column.
Question: Which fields does the API send that have no column?
Key: location_id, table_name, field
Notes: Covers the current version of each record, including deleted records. The values are in the extra column of the
  raw table. A field that does have a column appears here if a value did not fit the column's type. A custom field
  with several values counts once per value.
Reads staging:
  stg_teams: holds the column extra, which no mart passes on.
  stg_team_members: as stg_teams.
  stg_services: as stg_teams.
  stg_service_members: as stg_teams.
  stg_service_hours: as stg_teams.
  stg_appointments: as stg_teams.
  stg_contacts: as stg_teams.
  stg_contact_custom_fields: as stg_teams.
Audits:
  not null: location_id, table_name, field
  references: location_id -> marts.dim_location (location_id)
  range: records from 1
Columns:
  location_id: The location (tenant).
  table_name: The raw table.
  field: Name of the field, at the top level of the record.
  records: Records that have the field.
  first_seen_at: When the oldest current version with the field was first seen, UTC.
  last_seen_at: When the newest current version with the field was first seen, UTC.
*/
WITH records_with_extra AS (
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
  SELECT location_id, 'contact_custom_fields', extra, valid_from FROM staging.stg_contact_custom_fields
  WHERE extra IS NOT NULL
), fields AS (
  SELECT records_with_extra.location_id, records_with_extra.table_name, element.field, records_with_extra.valid_from
  FROM records_with_extra
  -- JSON_KEYS lists an object's keys. Each dialect has its own function for that: see sql/README.md.
  CROSS JOIN UNNEST(JSON_KEYS(records_with_extra.extra)) AS element(field)
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
