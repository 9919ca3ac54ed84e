/*
Grain: one row per location, contact, custom field and value.
Question: Which values does each custom field of a contact have?
Key: location_id, contact_id, custom_field_id, position
Notes: The API sends a JSON string or an array of strings; both become one row per value. An empty array and a missing
  value give no row. A number, an object or a nested array is kept as its JSON text.
Audits:
  not null: location_id, contact_id, custom_field_id
  range: position from 1
Columns:
  position: Position of the value within the field, starting at 1.
  value: The value, as text.
  is_list: Whether the API sent an array.
  valid_from: When a sync first saw the record as it is now, UTC.
Not read:
  row_digest: internal to the sync.
*/
WITH current_fields AS (
  SELECT
    *,
    -- The text comes from the API, so it may begin with blanks.
    CASE WHEN LTRIM(value) LIKE '[%' THEN value ELSE '[' || value || ']' END AS list,
    LTRIM(value) LIKE '[%' AS is_list
  FROM raw.contact_custom_fields
  WHERE _dlt_valid_to IS NULL AND value IS NOT NULL
)
SELECT
  current_fields.location_id,
  current_fields.contact_id,
  current_fields.custom_field_id,
  element.position,
  element.value,
  current_fields.is_list,
  current_fields.extra,
  current_fields.deleted_at,
  COALESCE(current_fields.unchanged_since, current_fields._dlt_valid_from) AS valid_from
FROM current_fields
-- '$[*]' opens a JSON array. Each dialect has its own function for that: see sql/README.md.
CROSS JOIN UNNEST(JSON_EXTRACT_STRING(current_fields.list, '$[*]')) WITH ORDINALITY AS element(value, position)
WHERE element.value IS NOT NULL
