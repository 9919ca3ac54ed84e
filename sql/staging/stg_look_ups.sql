/*
Grain: one row per appointment and list.
Question: Which appointments does the API answer by their ids although no list contains them?
Key: location_id, appointment_id, scope, scope_id
Audits:
  not null: location_id, appointment_id, scope, answer
*/
SELECT
  location_id,
  id AS appointment_id,
  scope,
  scope_id,
  asked_at,
  answer,
  times,
  run_id
FROM raw.look_ups
