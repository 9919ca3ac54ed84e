/*
Grain: one row per location and contact.
Question: Where do those who book come from? Without anything that tells who they are.
Key: location_id, contact_id
Notes: A contact that only appointments name (where contacts are not read) is here too, so that nothing that refers to it
  is an orphan. Names, addresses and numbers stay in staging.
Audits:
  not null: location_id, contact_id, is_deleted, is_inferred
  references: location_id -> marts.dim_location (location_id)
Columns:
  location_id: The location (tenant).
  contact_id: The contact; opaque.
  source: Where the contact came from, such as a referral; null where nobody says.
  type: Kind of contact, such as lead or customer.
  country: Country code, in upper case.
  added_at: When the contact was added, UTC.
  is_deleted: Whether the contact is gone.
  is_inferred: Whether it is known only because an appointment names it.
*/
WITH keys AS (
  SELECT location_id, contact_id FROM staging.stg_contacts
  UNION
  SELECT location_id, contact_id FROM staging.stg_appointments WHERE contact_id IS NOT NULL
)
SELECT
  keys.location_id,
  keys.contact_id,
  NULLIF(TRIM(contacts.source), '') AS source,
  contacts.type,
  contacts.country,
  contacts.added_at,
  contacts.deleted_at IS NOT NULL AS is_deleted,
  contacts.contact_id IS NULL AS is_inferred
FROM keys
LEFT JOIN staging.stg_contacts AS contacts
  ON contacts.location_id = keys.location_id AND contacts.contact_id = keys.contact_id
