/*
Grain: one row per location, endpoint, scope and window.
Question: When was each part of a location's calendar last read completely?
Key: read_id
Audits:
  not null: read_id, location_id, endpoint
Not read:
  record_digests: internal to the sync.
  reply_cap: internal to the sync.
  rules_before: internal to the sync.
  contents: internal to the sync. Its entries are no reads, so they are left out.
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
WHERE endpoint <> 'contents'
