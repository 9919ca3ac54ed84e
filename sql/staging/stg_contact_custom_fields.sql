/*
Grain: one row per location, contact, custom field and value.
Question: What did a contact answer, one row per answer, whether the API sent one text or a list?
Key: location_id, contact_id, custom_field_id, position
Notes: The value is a JSON string or a JSON array of strings. An empty array and a missing value give no row; a number,
  an object or a nested array is kept as its text.
Audits:
  not null: location_id, contact_id, custom_field_id
  range: position from 1
Columns:
  location_id: The location (tenant).
  contact_id: The contact.
  custom_field_id: The custom field.
  position: Which of the field's values: 1 is the first.
  value: The value, as text.
  is_list: Whether the API sent a list.
  extra: What the API sent beyond the typed columns, as a JSON object.
  deleted_at: When the field was found to be gone, UTC; null while it lives.
  valid_from: When this version was first seen, UTC.
Not read:
  row_digest: tells versions apart for the load; no meaning of its own.
*/
WITH lists AS (
  SELECT
    *,
    -- JSON text has no blanks before its first sign here, but the API's own text is not ours to trust.
    CASE WHEN LTRIM(value) LIKE '[%' THEN value ELSE '[' || value || ']' END AS list,
    LTRIM(value) LIKE '[%' AS is_list
  FROM raw.contact_custom_fields
  WHERE _dlt_valid_to IS NULL AND value IS NOT NULL
)
SELECT
  lists.location_id,
  lists.contact_id,
  lists.custom_field_id,
  element.position,
  element.value,
  lists.is_list,
  lists.extra,
  lists.deleted_at,
  lists._dlt_valid_from AS valid_from
FROM lists
-- The runner turns '$[*]' into each dialect's own way to open a JSON array.
CROSS JOIN UNNEST(JSON_EXTRACT_STRING(lists.list, '$[*]')) WITH ORDINALITY AS element(value, position)
WHERE element.value IS NOT NULL
