/*
Grain: one row per location, service and local day with slots or bookings.
Question: On which days are a service's free slots known, and how old was what was known of them?
Key: location_id, service_id, local_date
Notes: A sync lists the slots that are free when it runs. What happens to a slot between the last read and its start is
  only known from bookings. So the free slots of a day count as known if the last read was at most 30 hours old whenever
  a slot or a booking of the day began (hours_without_read). That is one sync a day, six hours late. For days that have
  not come, the last read must be at most 30 hours old now. Days before the service's slots were first seen, after its
  latest slot, and from the deletion of a service on are not known either (dim_service.slots_known_from and
  slots_known_to), nor are the days of a service without a slot duration.
Audits:
  not null: location_id, service_id, local_date, is_known
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: hours_without_read from 0
  check known_days_were_read: NOT is_known OR hours_without_read <= 30
Columns:
  location_id: The location (tenant).
  service_id: The service.
  local_date: The local day.
  hours_without_read: The longest time from the last read of the service's slots to the start of a slot or booking of
    the day, or to now, in hours; null if some of them began before the first read.
  is_known: Whether the free slots of the day are known, so that its utilisation is.
*/
WITH starts AS (
  SELECT location_id, service_id, local_date, starts_at FROM marts.fct_slots
  UNION ALL
  SELECT location_id, service_id, local_date, starts_at
  FROM marts.fct_appointments
  WHERE takes_time AND service_id IS NOT NULL AND local_date IS NOT NULL
), days AS (
  SELECT location_id, service_id, local_date, MIN(starts_at) AS first_starts_at, MAX(starts_at) AS last_starts_at
  FROM starts
  GROUP BY location_id, service_id, local_date
), reads AS (
  SELECT DISTINCT reads.location_id, reads.service_id, reads.read_at
  FROM staging.stg_slot_reads AS reads
), gaps AS (
  SELECT
    reads.location_id,
    reads.service_id,
    reads.read_at,
    CAST(reads.read_at AT TIME ZONE location.timezone AS DATE) AS local_date,
    EXTRACT(EPOCH FROM reads.read_at) - EXTRACT(EPOCH FROM LAG(reads.read_at) OVER (
      PARTITION BY reads.location_id, reads.service_id ORDER BY reads.read_at
    )) AS seconds_since_read
  FROM reads
  JOIN marts.dim_location AS location ON location.location_id = reads.location_id
), edges AS (
  SELECT
    location_id,
    service_id,
    local_date,
    LEAST(first_starts_at, $now) AS edge_at,
    CAST(NULL AS TIMESTAMPTZ) AS read_at,
    'first' AS edge
  FROM days
  UNION ALL
  SELECT location_id, service_id, local_date, LEAST(last_starts_at, $now), NULL, 'last' FROM days
  UNION ALL
  SELECT location_id, service_id, NULL, read_at, read_at, 'read' FROM reads
), edges_with_read AS (
  SELECT
    location_id,
    service_id,
    local_date,
    edge,
    EXTRACT(EPOCH FROM edge_at) - EXTRACT(EPOCH FROM MAX(read_at) OVER (
      PARTITION BY location_id, service_id ORDER BY edge_at RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    )) AS seconds_since_read
  FROM edges
), edge_ages AS (
  SELECT
    location_id,
    service_id,
    local_date,
    MAX(seconds_since_read) AS seconds_since_read,
    CAST(COUNT_IF(seconds_since_read IS NULL) AS BIGINT) AS edges_before_reads
  FROM edges_with_read
  WHERE edge <> 'read'
  GROUP BY location_id, service_id, local_date
), gaps_of_days AS (
  SELECT days.location_id, days.service_id, days.local_date, MAX(gaps.seconds_since_read) AS seconds_since_read
  FROM days
  JOIN gaps
    ON gaps.location_id = days.location_id
    AND gaps.service_id = days.service_id
    AND gaps.local_date = days.local_date
    AND gaps.read_at > days.first_starts_at
    AND gaps.read_at <= days.last_starts_at
  GROUP BY days.location_id, days.service_id, days.local_date
), ages AS (
  SELECT
    days.location_id,
    days.service_id,
    days.local_date,
    CASE
      WHEN edge_ages.edges_before_reads = 0 THEN CAST(
        GREATEST(edge_ages.seconds_since_read, COALESCE(gaps_of_days.seconds_since_read, 0)) AS DOUBLE
      ) / 3600
    END AS hours_without_read
  FROM days
  JOIN edge_ages
    ON edge_ages.location_id = days.location_id
    AND edge_ages.service_id = days.service_id
    AND edge_ages.local_date = days.local_date
  LEFT JOIN gaps_of_days
    ON gaps_of_days.location_id = days.location_id
    AND gaps_of_days.service_id = days.service_id
    AND gaps_of_days.local_date = days.local_date
)
SELECT
  ages.location_id,
  ages.service_id,
  ages.local_date,
  ages.hours_without_read,
  COALESCE(
    ages.hours_without_read <= 30
    AND service.slot_duration_minutes IS NOT NULL
    AND ages.local_date BETWEEN service.slots_known_from AND service.slots_known_to,
    FALSE
  ) AS is_known
FROM ages
JOIN marts.dim_service AS service
  ON service.location_id = ages.location_id AND service.service_id = ages.service_id
