/*
Grain: one row per run.
Question: What did each sync do, and how did it end?
Key: run_id
Audits:
  not null: run_id
*/
SELECT
  run_id,
  started_at,
  ended_at,
  outcome,
  version,
  loads,
  requests,
  reads_planned,
  reads_done,
  reads_unchanged,
  verifications,
  rows_new,
  rows_changed,
  rows_moved,
  rows_deleted,
  rows_restored,
  rows_rewritten,
  rows_rejected,
  tables,
  locations,
  errors
FROM raw.runs
