/*
Grain: one row per location and contact.
Question: Which contacts exist, and where did they come from?
Key: location_id, contact_id
Incremental by: location_id, contact_id
Notes: Contains no names, addresses or phone numbers; they stay in staging. Includes contacts that appear only in
  appointments (is_inferred), so that every appointment finds its contact.
Audits:
  not null: location_id, contact_id, is_deleted, is_inferred
  references: location_id -> marts.dim_location (location_id)
Columns:
  location_id: The location (tenant).
  contact_id: The contact.
  source: Where the contact came from, such as a referral; null if unknown.
  is_deleted: Whether the contact was deleted.
  is_inferred: Whether the contact is known only from appointments.
*/
WITH all_contacts AS (
  SELECT location_id, contact_id FROM staging.stg_contacts
  UNION
  SELECT location_id, contact_id FROM staging.stg_appointments WHERE contact_id IS NOT NULL
)
SELECT
  all_contacts.location_id,
  all_contacts.contact_id,
  NULLIF(TRIM(contacts.source), '') AS source,
  contacts.type,
  contacts.country,
  contacts.added_at,
  contacts.deleted_at IS NOT NULL AS is_deleted,
  contacts.contact_id IS NULL AS is_inferred
FROM all_contacts
LEFT JOIN staging.stg_contacts AS contacts
  ON contacts.location_id = all_contacts.location_id AND contacts.contact_id = all_contacts.contact_id
