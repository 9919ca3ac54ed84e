/*
Model: fct_slots
Question: Which staged slots are missing? The joins to the dimensions may not lose a row.
*/
SELECT staged.location_id, staged.service_id, staged.starts_at
FROM staging.stg_slots AS staged
LEFT JOIN marts.fct_slots AS fact
  ON fact.location_id = staged.location_id
  AND fact.service_id = staged.service_id
  AND fact.starts_at = staged.starts_at
WHERE fact.starts_at IS NULL
