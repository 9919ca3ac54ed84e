/*
Grain: one row per location, service and local week with slots or bookings.
Question: On what share of the days are a service's free slots known, so that its utilisation is?
Key: location_id, service_id, local_week
Incremental by: location_id, service_id
Notes: Rare syncs leave days without utilisation rather than with a low one; see fct_slot_days for what counts as known.
Audits:
  not null: location_id, service_id, local_week
  range: days from 1 to 7
  range: known_share from 0 to 1
Columns:
  local_week: Monday of the week.
  days: Days of the week with slots or bookings of the service.
  known_days: Those of them on which free slots are known.
  known_share: known_days / days.
  hours_without_read: The longest time that the last read was old when a slot or booking of the week began, in hours;
    null if some began before the first read.
*/
WITH weeks AS (
  SELECT
    location_id,
    service_id,
    CAST(DATE_TRUNC('WEEK', local_date) AS DATE) AS local_week,
    COUNT(*) AS days,
    CAST(COUNT_IF(is_known) AS BIGINT) AS known_days,
    CASE WHEN COUNT(*) = COUNT(hours_without_read) THEN MAX(hours_without_read) END AS hours_without_read
  FROM marts.fct_slot_days
  GROUP BY location_id, service_id, CAST(DATE_TRUNC('WEEK', local_date) AS DATE)
)
SELECT
  location_id,
  service_id,
  local_week,
  days,
  known_days,
  CAST(known_days AS DOUBLE) / days AS known_share,
  hours_without_read
FROM weeks
