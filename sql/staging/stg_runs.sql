/*
Grain: one row per run.
Question: What did each run do, and how did it end?
Key: run_id
Audits:
  not null: run_id
Columns:
  run_id: The run.
  started_at: When it began, UTC.
  ended_at: When its last load was handed over, UTC.
  outcome: ok, partial (some location failed) or failed.
  version: The connector's version.
  loads: How many loads it made.
  requests: Requests sent, retries and verifications among them.
  reads_planned: List calls the plan named.
  reads_done: List calls answered in full.
  reads_unchanged: List calls whose reply was the same as last time.
  verifications: Appointments asked for by id because a list no longer had them.
  rows_new: Records seen for the first time.
  rows_changed: Records whose content changed, moved ones not counted.
  rows_moved: Appointments whose start changed.
  rows_deleted: Records found to be gone.
  rows_restored: Records found again after they had gone.
  rows_rejected: Records that went to rejected_records.
  tables: The same counts for each table, as JSON.
  locations: Outcome, requests, reads and error of each location, as JSON.
  errors: Errors, as a JSON array of messages.
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
  rows_rejected,
  tables,
  locations,
  errors
FROM raw.runs
