/*
Grain: one row per run, location and service with slots that the run read.
Question: When were the free slots of each service read?
Key: run_id, location_id, service_id
Notes: A service counts from the run that first saw the location's slots and the service itself, until its deletion. The
  ledger (stg_reads) has the newest read only; the runs have all of them.
Audits:
  not null: run_id, location_id, service_id, read_at
Columns:
  read_at: When the run began that read the slots, UTC.
*/
WITH left_out AS (
  SELECT runs.run_id, runs.location_id, element.service_id
  FROM staging.stg_location_runs AS runs
  CROSS JOIN UNNEST(JSON_EXTRACT_STRING(runs.slots_not_read, '$[*]')) AS element(service_id)
  WHERE runs.reads_slots
), read_services AS (
  SELECT
    coverage.location_id,
    coverage.service_id,
    MIN(coverage.first_seen_at) OVER (PARTITION BY coverage.location_id) AS first_seen_at,
    coverage.service_seen_at,
    services.deleted_at
  FROM staging.stg_slot_coverage AS coverage
  LEFT JOIN staging.stg_services AS services
    ON services.location_id = coverage.location_id AND services.service_id = coverage.service_id
)
SELECT runs.run_id, read_services.location_id, read_services.service_id, runs.started_at AS read_at
FROM read_services
JOIN staging.stg_location_runs AS runs
  ON runs.location_id = read_services.location_id
  AND runs.reads_slots
  -- A row has the time of its load, which begins during the run.
  AND COALESCE(runs.ended_at, runs.started_at) >= read_services.first_seen_at
  AND COALESCE(runs.ended_at, runs.started_at) >= COALESCE(read_services.service_seen_at, read_services.first_seen_at)
  AND (read_services.deleted_at IS NULL OR runs.started_at < read_services.deleted_at)
LEFT JOIN left_out
  ON left_out.run_id = runs.run_id
  AND left_out.location_id = read_services.location_id
  AND left_out.service_id = read_services.service_id
WHERE left_out.run_id IS NULL
