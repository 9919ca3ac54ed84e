/*
Model: fct_appointment_events
Question: Which appointments were not booked exactly once? Each has one first sight, and nothing is seen before it.
*/
WITH counted AS (
  SELECT
    location_id,
    appointment_id,
    MIN(observed_at) AS observed_at,
    COUNT_IF(event = 'booked') AS booked,
    MIN(CASE WHEN event = 'booked' THEN observed_at END) AS booked_at
  FROM marts.fct_appointment_events
  GROUP BY location_id, appointment_id
)
SELECT staged.location_id, staged.appointment_id, counted.observed_at, 'booked' AS event
FROM staging.stg_appointments AS staged
LEFT JOIN counted
  ON counted.location_id = staged.location_id AND counted.appointment_id = staged.appointment_id
WHERE counted.booked IS DISTINCT FROM 1 OR counted.booked_at <> counted.observed_at
