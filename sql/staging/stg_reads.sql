/*
Grain: one row per location, endpoint, scope and window.
Question: When was each part of each location's calendar last read?
Key: read_id
Audits:
  not null: read_id, location_id, endpoint
Columns:
  read_id: Digest of location, endpoint, scope and window.
  location_id: The location (tenant).
  endpoint: What was read, such as teams, services, appointments or slots.
  scope: What it was asked by, such as location, service, team or user.
  scope_id: Id of the service, team or user; the location's for scope location.
  window_start: Start of the window, UTC, inclusive; null for teams and services.
  window_end: End of the window, UTC, exclusive; null for teams and services.
  read_at: When the request was sent, UTC.
  run_id: The run that read it.
  rules: Fingerprint of the privacy rules in force, and of slots the service's notice.
  reply_digest: Digest of the reply's bytes.
  reply_bytes: Size of the reply, in bytes.
  reply_rows: Records in the reply.
  read_seconds: Time from request to whole reply, in seconds.
Not read:
  record_digests: bytes that tell the connector which records of the next reply differ; no meaning of their own.
*/
SELECT
  read_id,
  location_id,
  endpoint,
  scope,
  scope_id,
  window_start,
  window_end,
  read_at,
  run_id,
  rules,
  reply_digest,
  reply_bytes,
  reply_rows,
  seconds AS read_seconds
FROM raw.reads
