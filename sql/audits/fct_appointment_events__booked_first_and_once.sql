/*
Model: fct_appointment_events
Incremental by: location_id, appointment_id
Question: Which appointments do not have exactly one booked event, before all other events?
*/
WITH booked_events AS (
  SELECT
    location_id,
    appointment_id,
    MIN(observed_at) AS observed_at,
    COUNT_IF(event = 'booked') AS booked,
    MIN(CASE WHEN event = 'booked' THEN observed_at END) AS booked_at
  FROM marts.fct_appointment_events
  GROUP BY location_id, appointment_id
)
SELECT staged.location_id, staged.appointment_id, booked_events.observed_at, 'booked' AS event
FROM staging.stg_appointments AS staged
LEFT JOIN booked_events
  ON booked_events.location_id = staged.location_id AND booked_events.appointment_id = staged.appointment_id
WHERE booked_events.booked IS DISTINCT FROM 1 OR booked_events.booked_at <> booked_events.observed_at
