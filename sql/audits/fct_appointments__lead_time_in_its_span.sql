/*
Model: fct_appointments
Question: Which appointments stand in a group of lead times that theirs is not of?
*/
SELECT fact.location_id, fact.appointment_id
FROM marts.fct_appointments AS fact
LEFT JOIN marts.dim_time_span AS span ON span.time_span = fact.lead_time_span
WHERE span.time_span IS NULL
  OR fact.lead_time_hours < span.from_hours
  OR fact.lead_time_hours >= span.to_hours
