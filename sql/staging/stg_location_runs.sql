/*
Grain: one row per run and location that took part in it.
Question: When was each location synced, and did that sync read everything it planned?
Key: run_id, location_id
Notes: A run that was killed has no row. Until a location's id is known it has no row either.
Audits:
  not null: run_id, location_id, is_complete
Columns:
  location_id: The location.
  started_at: When the run began, UTC: what it read is at least this recent.
  ended_at: When the run's last load was handed over, UTC: what it read was in the warehouse by then.
  location_outcome: How the run ended for this location: ok, held (deletions are held back) or failed.
  is_complete: Whether the run read everything that it planned for this location.
  reads_slots: Whether the run read free slots, except those of slots_not_read. Runs of version 0.2 do not say so; they
    read them if they are complete.
  slots_not_read: Services whose free slots the run did not read, or whose vanished slots it held back; JSON array.
*/
WITH entries AS (
  SELECT runs.run_id, runs.started_at, runs.ended_at, element.entry
  FROM raw.runs AS runs
  -- '$[*]' opens a JSON array. Each dialect has its own function for that: see sql/README.md.
  CROSS JOIN UNNEST(JSON_EXTRACT_STRING(runs.locations, '$[*]')) AS element(entry)
), locations_of_runs AS (
  SELECT
    run_id,
    started_at,
    ended_at,
    JSON_EXTRACT_STRING(entry, '$.location_id') AS location_id,
    JSON_EXTRACT_STRING(entry, '$.outcome') AS location_outcome,
    JSON_EXTRACT_STRING(entry, '$.left_out') AS left_out,
    JSON_EXTRACT_STRING(entry, '$.reads_slots') AS reads_slots,
    JSON_EXTRACT_STRING(entry, '$.slots_not_read') AS slots_not_read
  FROM entries
)
SELECT
  run_id,
  location_id,
  started_at,
  ended_at,
  location_outcome,
  COALESCE(location_outcome IN ('ok', 'held') AND COALESCE(left_out, '{}') = '{}', FALSE) AS is_complete,
  COALESCE(
    reads_slots = 'true',
    location_outcome IN ('ok', 'held') AND COALESCE(left_out, '{}') = '{}',
    FALSE
  ) AS reads_slots,
  COALESCE(slots_not_read, '[]') AS slots_not_read
FROM locations_of_runs
WHERE location_id IS NOT NULL
