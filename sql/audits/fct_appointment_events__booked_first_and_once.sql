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
SELECT location_id, appointment_id, observed_at, 'booked' AS event
FROM counted
WHERE booked <> 1 OR booked_at <> observed_at
