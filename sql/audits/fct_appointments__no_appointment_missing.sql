/*
Model: fct_appointments
Incremental by: location_id, appointment_id
Question: Which staged appointments are missing, because a join lost them?
*/
SELECT staged.location_id, staged.appointment_id
FROM staging.stg_appointments AS staged
LEFT JOIN marts.fct_appointments AS fact
  ON fact.location_id = staged.location_id AND fact.appointment_id = staged.appointment_id
WHERE fact.appointment_id IS NULL
