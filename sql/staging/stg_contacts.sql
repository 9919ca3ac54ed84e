/*
Grain: one row per location and contact.
Question: Who are the contacts?
Key: location_id, contact_id
Notes: Contains personal data. dim_contact passes on no names, addresses or phone numbers. Deleted contacts are
  included. A time before 1900 or from 2200 on is null; stg_unusable_values counts it.
Audits:
  not null: location_id, contact_id
Columns:
  contact_id: The contact.
  email: Email address in lower case, from either email field.
  timezone: The contact's time zone, as the API wrote it. It may not be a valid zone.
  country: Country code, in upper case.
  added_at: When the contact was added, UTC.
  valid_from: When a sync first saw the record as it is now, UTC.
Not read:
  custom_fields_digest: internal to the sync; stg_contact_custom_fields has the fields.
  row_digest: internal to the sync.
*/
SELECT
  location_id,
  id AS contact_id,
  api_location_id,
  COALESCE(NULLIF(LOWER(TRIM(email_lower_case)), ''), NULLIF(LOWER(TRIM(email)), '')) AS email,
  first_name,
  last_name,
  phone,
  fingerprint,
  timezone,
  UPPER(country) AS country,
  source,
  CASE
    WHEN date_added >= CAST('1900-01-01 00:00:00+00:00' AS TIMESTAMPTZ)
      AND date_added < CAST('2200-01-01 00:00:00+00:00' AS TIMESTAMPTZ) THEN date_added
  END AS added_at,
  type,
  postal_code,
  tags,
  extra,
  deleted_at,
  COALESCE(unchanged_since, _dlt_valid_from) AS valid_from
FROM raw.contacts
WHERE _dlt_valid_to IS NULL
