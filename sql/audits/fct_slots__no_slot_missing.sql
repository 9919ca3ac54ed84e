/*
Model: fct_slots
Question: Which staged slots are missing, because a join lost them?
*/
SELECT staged.location_id, staged.service_id, staged.starts_at
FROM staging.stg_slots AS staged
LEFT JOIN marts.fct_slots AS fact
  ON fact.location_id = staged.location_id
  AND fact.service_id = staged.service_id
  AND fact.starts_at = staged.starts_at
WHERE fact.starts_at IS NULL
