/*
Grain: one row per location and team.
Question: Which teams are there, and which are gone?
Key: location_id, team_id
Audits:
  not null: location_id, team_id
Columns:
  location_id: The location (tenant).
  team_id: The team.
  name: The team's name.
  calendar_name: Name shown on the team's booking page.
  description: Description shown on the team's booking page.
  slug: The booking page's unique slug.
  link: Path of the booking page.
  assigns_contact_to_member: Whether a booking assigns the contact to the member.
  keeps_member_of_existing_contact: Whether a contact who already has a member keeps that member.
  extra: What the API sent beyond the typed columns, as a JSON object.
  deleted_at: When the team was found to be gone, UTC; null while it lives.
  valid_from: When this version was first seen, UTC.
Not read:
  row_digest: tells versions apart for the load; no meaning of its own.
*/
SELECT
  location_id,
  id AS team_id,
  name,
  calendar_name,
  description,
  slug,
  link,
  should_assign_contact_to_team_member AS assigns_contact_to_member,
  should_skip_assigning_contact_for_existing AS keeps_member_of_existing_contact,
  extra,
  deleted_at,
  _dlt_valid_from AS valid_from
FROM raw.teams
WHERE _dlt_valid_to IS NULL
