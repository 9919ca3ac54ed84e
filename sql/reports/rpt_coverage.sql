/*
Grain: one row per location, endpoint, scope and id of the scope.
Question: Which time range of each calendar was read, are there gaps, and how recent is the data?
Key: location_id, endpoint, scope, scope_id
Clock:
  staging.stg_reads: window_start
  staging.stg_reads: window_end
Notes: Computed from complete reads only. A calendar that was never read has no row. Overlapping windows count once.
Reads staging:
  stg_reads: no mart holds reads, because they describe the sync and not the business.
Audits:
  not null: location_id, endpoint, scope, scope_id, newest_read_at
  references: location_id -> marts.dim_location (location_id)
  range: windows from 1
  range: gap_minutes from 0
  check unbroken_within: read_from <= unbroken_from AND unbroken_from < read_to
Columns:
  windows: Windows that were read.
  read_from: Start of the earliest window, UTC; null for teams, services and contacts, which are read without a window.
  read_to: End of the latest window, UTC, exclusive; null for teams, services and contacts.
  unbroken_from: Start of the latest range without gaps, UTC; everything from here to read_to was read.
  gap_minutes: Time between read_from and read_to that was never read, in minutes.
  newest_read_at: When any window was last read, UTC.
  fresh_at: When the window around now was last read, UTC; null if never. For teams, services and contacts, the last read.
*/
WITH windows AS (
  SELECT
    location_id,
    endpoint,
    scope,
    scope_id,
    window_start,
    window_end,
    read_at,
    MAX(window_end) OVER (
      PARTITION BY location_id, endpoint, scope, scope_id
      ORDER BY window_start, window_end
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS read_until
  FROM staging.stg_reads
)
SELECT
  location_id,
  endpoint,
  scope,
  scope_id,
  COUNT(*) AS windows,
  MIN(window_start) AS read_from,
  MAX(window_end) AS read_to,
  COALESCE(MAX(CASE WHEN window_start > read_until THEN window_start END), MIN(window_start)) AS unbroken_from,
  CAST(COALESCE(SUM(
    CASE
      WHEN window_start > read_until
        THEN CAST(FLOOR((EXTRACT(EPOCH FROM window_start) - EXTRACT(EPOCH FROM read_until)) / 60) AS BIGINT)
    END
  ), 0) AS BIGINT) AS gap_minutes,
  MAX(read_at) AS newest_read_at,
  MAX(CASE WHEN window_start IS NULL OR (window_start <= $now AND window_end > $now) THEN read_at END) AS fresh_at
FROM windows
GROUP BY location_id, endpoint, scope, scope_id
