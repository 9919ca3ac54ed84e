/*
Grain: one row per location, service and local day with slots or bookings.
Question: On which days are a service's free slots known, and how old was what was known of them?
Key: location_id, service_id, local_date
Incremental by: location_id, service_id, local_date
Notes: A sync lists the slots that are free when it runs. What happens to a slot between the last read and its start is
  only known from bookings. So the free slots of a day count as known if the last read was at most 30 hours old whenever
  a slot or a booking of the day began (hours_without_read). That is one sync a day, six hours late. For days that have
  not come, the last read must be at most 30 hours old at the end of the current hour. Days before the service's slots were first seen, after its
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
    the day, or to the end of the current hour, in hours; null if some of them began before the first read.
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
), read_days AS (
  SELECT
    reads.location_id,
    reads.service_id,
    reads.read_at,
    CAST(reads.read_at AT TIME ZONE location.timezone AS DATE) AS local_date,
    LAG(reads.read_at) OVER (PARTITION BY reads.location_id, reads.service_id ORDER BY reads.read_at)
      AS previous_read_at
  FROM reads
  JOIN marts.dim_location AS location ON location.location_id = reads.location_id
), edges AS (
  SELECT
    location_id,
    service_id,
    local_date,
    LEAST(first_starts_at, $hour + INTERVAL 1 HOUR) AS edge_at,
    CAST(NULL AS TIMESTAMPTZ) AS read_at,
    'first' AS edge
  FROM days
  UNION ALL
  SELECT location_id, service_id, local_date, LEAST(last_starts_at, $hour + INTERVAL 1 HOUR), NULL, 'last' FROM days
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
), ages_before_reads AS (
  -- The edges show the age of the first and the last start. Before each read of the day the age is high again.
  SELECT
    starts.location_id,
    starts.service_id,
    starts.local_date,
    MAX(EXTRACT(EPOCH FROM starts.starts_at) - EXTRACT(EPOCH FROM reads.previous_read_at)) AS seconds_since_read
  FROM starts
  JOIN read_days AS reads
    ON reads.location_id = starts.location_id
    AND reads.service_id = starts.service_id
    AND reads.local_date = starts.local_date
    AND reads.read_at > starts.starts_at
    AND reads.previous_read_at <= starts.starts_at
  GROUP BY starts.location_id, starts.service_id, starts.local_date
), ages AS (
  SELECT
    days.location_id,
    days.service_id,
    days.local_date,
    CASE
      WHEN edge_ages.edges_before_reads = 0 THEN CAST(
        GREATEST(edge_ages.seconds_since_read, COALESCE(before_reads.seconds_since_read, 0)) AS DOUBLE
      ) / 3600
    END AS hours_without_read
  FROM days
  JOIN edge_ages
    ON edge_ages.location_id = days.location_id
    AND edge_ages.service_id = days.service_id
    AND edge_ages.local_date = days.local_date
  LEFT JOIN ages_before_reads AS before_reads
    ON before_reads.location_id = days.location_id
    AND before_reads.service_id = days.service_id
    AND before_reads.local_date = days.local_date
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
