/*
Grain: one row per location, service and local day on which its free slots were read, today or in the 84 days before.
Question: How long does a guest wait for an appointment, and how did that change?
Key: location_id, service_id, local_date
Clock: day
Notes: The third next available slot is the usual measure of access in clinics: the first and the second may be free only
  because somebody has just cancelled. days_to_third is the number of calendar days from the read to that slot, weekends
  included; 0 is the same day. A slot counts as the API offered it at the last read of the day, so the service's booking
  notice is respected, and a slot for several guests or with several free members counts once. Slots that overlap are
  one offer: after a slot, the next one that counts begins at its end or later. With fewer than three slots on offer,
  days_to_third is null and slots_found says how many there were: that is a longer wait than any number, so do not
  leave these days out without a word. Days without a read have no row. The row with is_latest is the state now, as old
  as read_at.
Reads staging:
  stg_slot_reads: when the slots of a service were read; marts have only the gaps between the reads.
  stg_slot_versions: what each read listed; fct_slots has only what became of a slot.
  stg_service_versions: the booking notice of the time of each read.
Audits:
  not null: location_id, service_id, local_date, read_at, is_latest, slots_found
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: slots_found from 0 to 3
  range: days_to_next from 0
  range: days_to_third from 0
  check third_after_next: third_starts_at IS NULL OR third_starts_at > next_starts_at
Columns:
  local_date: Local day of the read.
  read_at: When the last read of the day began, UTC.
  is_latest: Whether this is the newest read of the service's slots.
  member_id: The member whose slots these are, if the service had only one member on that day; else null, because the API
    does not say which member a slot belongs to.
  slots_found: Slots on offer that do not overlap, counted up to 3.
  next_starts_at: Start of the next free slot, UTC; null if there was none.
  third_starts_at: Start of the third next free slot, UTC; null if there were fewer.
  days_to_next: Days from local_date to the local day of the next free slot; null if there was none.
  days_to_third: Days from local_date to the local day of the third next free slot; null if there were fewer.
*/
WITH distinct_reads AS (
  SELECT DISTINCT location_id, service_id, read_at FROM staging.stg_slot_reads
), reads AS (
  SELECT
    distinct_reads.*,
    CAST(distinct_reads.read_at AT TIME ZONE location.timezone AS DATE) AS local_date,
    CAST($now AT TIME ZONE location.timezone AS DATE) AS today,
    LEAD(distinct_reads.read_at) OVER (
      PARTITION BY distinct_reads.location_id, distinct_reads.service_id ORDER BY distinct_reads.read_at
    ) AS next_read_at
  FROM distinct_reads
  JOIN marts.dim_location AS location ON location.location_id = distinct_reads.location_id
), ranked_reads AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY location_id, service_id, local_date ORDER BY read_at DESC) AS newest_first,
    ROW_NUMBER() OVER (ORDER BY location_id, service_id, read_at) AS read_number
  FROM reads
  WHERE local_date >= today - 84
), daily_reads AS (
  -- A sync keeps slots that are too late to book as they were, so the notice of the read leaves them out.
  SELECT reads.*, COALESCE(rules.booking_notice_minutes, 0) * 60 AS notice_seconds
  FROM ranked_reads AS reads
  LEFT JOIN staging.stg_service_versions AS rules
    ON rules.location_id = reads.location_id
    AND rules.service_id = reads.service_id
    AND (reads.next_read_at IS NULL OR rules.valid_from < reads.next_read_at)
    AND (rules.valid_to IS NULL OR rules.valid_to >= reads.next_read_at)
  WHERE reads.newest_first = 1
), versions AS (
  SELECT
    versions.location_id,
    versions.service_id,
    versions.starts_at,
    versions.valid_from,
    LEAST(COALESCE(versions.valid_to, versions.deleted_at), COALESCE(versions.deleted_at, versions.valid_to)) AS gone_at,
    CAST(FLOOR(EXTRACT(EPOCH FROM versions.starts_at)) AS BIGINT) AS start_second,
    CAST(FLOOR(EXTRACT(EPOCH FROM versions.starts_at)) AS BIGINT)
      + GREATEST(CAST(COALESCE(slots.slot_duration_minutes, 0) * 60 AS BIGINT), 1) AS end_second
  FROM staging.stg_slot_versions AS versions
  JOIN marts.fct_slots AS slots
    ON slots.location_id = versions.location_id
    AND slots.service_id = versions.service_id
    AND slots.starts_at = versions.starts_at
  WHERE versions.starts_at > $now - INTERVAL 86 DAY -- no read of the last 84 local days is older
), offers AS (
  -- What a read saw was loaded after its start, and before the next read.
  SELECT reads.read_number, versions.starts_at, versions.start_second, versions.end_second
  FROM daily_reads AS reads
  JOIN versions
    ON versions.location_id = reads.location_id
    AND versions.service_id = reads.service_id
    AND versions.starts_at > reads.read_at
    AND EXTRACT(EPOCH FROM versions.starts_at) - EXTRACT(EPOCH FROM reads.read_at) >= reads.notice_seconds
    AND (reads.next_read_at IS NULL OR versions.valid_from < reads.next_read_at)
    AND (versions.gone_at IS NULL OR versions.gone_at >= reads.next_read_at)
), first_offers AS (
  SELECT read_number, MIN(starts_at) AS starts_at, MIN(end_second) AS end_second
  FROM offers
  GROUP BY read_number
), second_offers AS (
  SELECT offers.read_number, MIN(offers.end_second) AS end_second
  FROM first_offers
  JOIN offers ON offers.read_number = first_offers.read_number AND offers.start_second >= first_offers.end_second
  GROUP BY offers.read_number
), third_offers AS (
  SELECT offers.read_number, MIN(offers.starts_at) AS starts_at
  FROM second_offers
  JOIN offers ON offers.read_number = second_offers.read_number AND offers.start_second >= second_offers.end_second
  GROUP BY offers.read_number
), only_members AS (
  SELECT reads.read_number, MIN(assigned.member_id) AS member_id
  FROM daily_reads AS reads
  JOIN marts.dim_service_member AS assigned
    ON assigned.location_id = reads.location_id
    AND assigned.service_id = reads.service_id
    AND (assigned.from_date IS NULL OR assigned.from_date <= reads.local_date)
    AND (assigned.before_date IS NULL OR assigned.before_date > reads.local_date)
  GROUP BY reads.read_number
  HAVING COUNT(*) = 1
)
SELECT
  reads.location_id,
  reads.service_id,
  reads.local_date,
  reads.read_at,
  reads.next_read_at IS NULL AS is_latest,
  only_members.member_id,
  CASE
    WHEN third_offers.read_number IS NOT NULL THEN 3
    WHEN second_offers.read_number IS NOT NULL THEN 2
    WHEN first_offers.read_number IS NOT NULL THEN 1
    ELSE 0
  END AS slots_found,
  first_offers.starts_at AS next_starts_at,
  third_offers.starts_at AS third_starts_at,
  next_slots.local_date - reads.local_date AS days_to_next,
  third_slots.local_date - reads.local_date AS days_to_third
FROM daily_reads AS reads
LEFT JOIN only_members ON only_members.read_number = reads.read_number
LEFT JOIN first_offers ON first_offers.read_number = reads.read_number
LEFT JOIN second_offers ON second_offers.read_number = reads.read_number
LEFT JOIN third_offers ON third_offers.read_number = reads.read_number
LEFT JOIN marts.fct_slots AS next_slots
  ON next_slots.location_id = reads.location_id
  AND next_slots.service_id = reads.service_id
  AND next_slots.starts_at = first_offers.starts_at
LEFT JOIN marts.fct_slots AS third_slots
  ON third_slots.location_id = reads.location_id
  AND third_slots.service_id = reads.service_id
  AND third_slots.starts_at = third_offers.starts_at
