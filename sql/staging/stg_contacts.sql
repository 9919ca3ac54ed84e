/*
Grain: one row per location and contact.
Question: Who books? Personal data: it goes no further than staging.
Key: location_id, contact_id
Audits:
  not null: location_id, contact_id
Columns:
  location_id: The location (tenant).
  contact_id: The contact.
  api_location_id: The location as the record itself names it.
  email: Email address in lower case, from either field.
  first_name: First name.
  last_name: Last name.
  phone: Telephone number.
  fingerprint: The browser's fingerprint, a UUID.
  timezone: The contact's zone, as the API wrote it; it may be no known zone.
  country: Country code, in upper case.
  source: Where the contact came from.
  added_at: When the contact was added, UTC.
  type: Kind of contact, such as lead or customer.
  postal_code: Postal code.
  tags: Tags, as a JSON array.
  extra: What the API sent beyond the typed columns, as a JSON object.
  deleted_at: When the contact was found to be gone, UTC; null while it lives.
  valid_from: When this version was first seen, UTC.
Not read:
  custom_fields_digest: makes a new version where only custom fields changed; they have a model of their own.
  row_digest: tells versions apart for the load; no meaning of its own.
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
  date_added AS added_at,
  type,
  postal_code,
  tags,
  extra,
  deleted_at,
  _dlt_valid_from AS valid_from
FROM raw.contacts
WHERE _dlt_valid_to IS NULL
