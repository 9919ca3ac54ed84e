/*
Grain: one row per location.
Question: Which locations exist, and which time zone is each in?
Key: location_id
Notes: Every local date and hour in the marts uses this time zone. It is the configured zone, else the zone that
  the API reports for the location (only API v2 does). Without either it is a guess: the first zone that one of these
  finds.
  1. Office hours. Opening hours are local times and starts are instants, so a wrong zone places starts outside the
  opening hours. A zone fits if at least 95 % of the starts lie in the opening hours of their service. Starts are those of
  free slots and of bookings, from a year ago on. At least 20 are needed. Services that open for more than 16 hours are
  left out. Tried are eight zones: those that contacts chose most often, then those of other locations. If several fit
  about equally well (2 points), contacts decide.
  2. Contacts. The zone that contacts chose most often in the location's appointments, the first by name if two are
  equally frequent. Contacts far away choose other zones than the location's.
  3. UTC.
  The offsets of slots are no evidence: if a request names no zone, it is not documented which zone the API answers in.
  Of a location with more than 1,000 starts, those of every eleventh hour are used, to save time.
  Outdated names count as the zones that replaced them: US/Central is America/Chicago. Zones that the warehouse does
  not know are ignored. A transform that changes the zone of a location says so, because all its local times move.
  Includes locations that appear only in records, not in the configuration.
Audits:
  not null: location_id, timezone, timezone_source
  accepted: timezone_source in configured, API, office hours, contacts, default
Columns:
  location_id: The location (tenant).
  name: The location's name in the configuration; its id if it has no name.
  timezone: IANA time zone of the location.
  timezone_source: Where the time zone comes from: configured, reported by the API, or guessed from office hours or
    contacts, or default (UTC).
  is_deleted: Whether the location was removed from the configuration: a sync of all configured locations ran without
    it.
*/
WITH all_locations AS (
  SELECT location_id FROM staging.stg_locations
  UNION
  SELECT location_id FROM staging.stg_teams
  UNION
  SELECT location_id FROM staging.stg_team_members
  UNION
  SELECT location_id FROM staging.stg_services
  UNION
  SELECT location_id FROM staging.stg_service_members
  UNION
  SELECT location_id FROM staging.stg_appointments
  UNION
  SELECT location_id FROM staging.stg_contacts
  UNION
  SELECT location_id FROM staging.stg_slot_coverage
  UNION
  SELECT location_id FROM staging.stg_reads
), stated_zones AS (
  -- The configuration knows better than the API, which reports what the location's owner once chose.
  SELECT
    locations.location_id,
    CASE WHEN configured.name IS NOT NULL THEN locations.timezone ELSE locations.api_timezone END AS timezone,
    COALESCE(configured.canonical, reported.canonical) AS canonical,
    CASE WHEN configured.name IS NOT NULL THEN 'configured' ELSE 'API' END AS source
  FROM staging.stg_locations AS locations
  LEFT JOIN warehouse.timezones AS configured ON configured.name = locations.timezone
  LEFT JOIN warehouse.timezones AS reported ON reported.name = locations.api_timezone
  WHERE COALESCE(configured.name, reported.name) IS NOT NULL
), unset_locations AS (
  SELECT all_locations.location_id
  FROM all_locations
  LEFT JOIN stated_zones ON stated_zones.location_id = all_locations.location_id
  WHERE stated_zones.location_id IS NULL
), known_zones AS (
  -- Zones that contacts chose, and zones of other locations.
  SELECT appointments.location_id, valid.canonical AS timezone, COUNT(*) AS appointments, 0 AS locations
  FROM staging.stg_appointments AS appointments
  JOIN unset_locations ON unset_locations.location_id = appointments.location_id
  JOIN warehouse.timezones AS valid ON valid.name = appointments.timezone
  GROUP BY appointments.location_id, valid.canonical
  UNION ALL
  SELECT unset_locations.location_id, stated_zones.canonical, 0, COUNT(*)
  FROM unset_locations
  CROSS JOIN stated_zones
  GROUP BY unset_locations.location_id, stated_zones.canonical
), ranked_zones AS (
  SELECT
    location_id,
    timezone,
    SUM(appointments) AS appointments,
    ROW_NUMBER() OVER (
      PARTITION BY location_id ORDER BY SUM(appointments) DESC, SUM(locations) DESC, timezone
    ) AS zone_rank
  FROM known_zones
  GROUP BY location_id, timezone
), openings AS (
  SELECT hours.location_id, hours.service_id, hours.weekday, hours.opens_at_minute, hours.closes_at_minute
  FROM staging.stg_service_hours AS hours
  JOIN unset_locations ON unset_locations.location_id = hours.location_id
  WHERE hours.deleted_at IS NULL AND hours.closes_at_minute > hours.opens_at_minute
), services_with_hours AS (
  -- A service that is open nearly all day fits every zone.
  SELECT location_id, service_id
  FROM openings
  GROUP BY location_id, service_id
  HAVING MAX(closes_at_minute - opens_at_minute) <= 960
), all_starts AS (
  SELECT location_id, service_id, starts_at
  FROM staging.stg_slots
  WHERE deleted_at IS NULL AND starts_at >= $today - INTERVAL 365 DAY
  UNION ALL
  SELECT location_id, service_id, starts_at
  FROM staging.stg_appointments
  WHERE deleted_at IS NULL AND contact_id IS NOT NULL AND starts_at >= $today - INTERVAL 365 DAY
), numbered_starts AS (
  SELECT
    all_starts.location_id,
    all_starts.service_id,
    all_starts.starts_at,
    CAST(FLOOR(EXTRACT(EPOCH FROM all_starts.starts_at) / 60) AS BIGINT) AS start_minute
  FROM all_starts
  JOIN services_with_hours AS service
    ON service.location_id = all_starts.location_id AND service.service_id = all_starts.service_id
), start_counts AS (
  SELECT location_id, COUNT(*) AS starts FROM numbered_starts GROUP BY location_id
), starts AS (
  SELECT numbered_starts.*, CAST(FLOOR(numbered_starts.start_minute / 1440.0) AS BIGINT) AS day
  FROM numbered_starts
  JOIN start_counts ON start_counts.location_id = numbered_starts.location_id
  -- Eleven has no factor in common with 24 or 7, so all hours and weekdays take part.
  WHERE start_counts.starts <= 1000
    OR MOD(CAST(FLOOR(numbered_starts.start_minute / 60.0) AS BIGINT), 11) = 0
), days AS (
  SELECT day, MIN(starts_at) AS first_starts_at FROM starts GROUP BY day
), offsets AS (
  -- Time zone conversion is slow, so each zone is asked once a day.
  SELECT
    zones.timezone,
    days.day,
    CAST((EXTRACT(EPOCH FROM days.first_starts_at AT TIME ZONE zones.timezone)
      - EXTRACT(EPOCH FROM days.first_starts_at)) / 60 AS BIGINT) AS offset_minutes
  FROM (SELECT DISTINCT timezone FROM ranked_zones WHERE zone_rank <= 8) AS zones
  CROSS JOIN days
), local_starts AS (
  -- 1 January 1970 was a Thursday: 4320 minutes after a Monday.
  SELECT
    starts.location_id,
    starts.service_id,
    zones.timezone,
    MOD(starts.start_minute + offsets.offset_minutes + 4320, 10080) AS minute_of_week,
    COUNT(*) AS times
  FROM starts
  JOIN ranked_zones AS zones ON zones.location_id = starts.location_id AND zones.zone_rank <= 8
  JOIN offsets ON offsets.timezone = zones.timezone AND offsets.day = starts.day
  GROUP BY
    starts.location_id,
    starts.service_id,
    zones.timezone,
    MOD(starts.start_minute + offsets.offset_minutes + 4320, 10080)
), fits AS (
  SELECT
    local_starts.location_id,
    local_starts.timezone,
    SUM(local_starts.times) AS times,
    SUM(CASE WHEN EXISTS (
      SELECT 1 FROM openings
      WHERE openings.location_id = local_starts.location_id
        AND openings.service_id = local_starts.service_id
        AND (openings.weekday - 1) * 1440 + openings.opens_at_minute <= local_starts.minute_of_week
        AND (openings.weekday - 1) * 1440 + openings.closes_at_minute > local_starts.minute_of_week
    ) THEN local_starts.times ELSE 0 END) AS times_open
  FROM local_starts
  GROUP BY local_starts.location_id, local_starts.timezone
), best_fits AS (
  SELECT location_id, timezone, times, times_open, MAX(times_open) OVER (PARTITION BY location_id) AS most_open
  FROM fits
), fitting_zones AS (
  SELECT
    best_fits.location_id,
    best_fits.timezone,
    ROW_NUMBER() OVER (PARTITION BY best_fits.location_id ORDER BY ranked_zones.zone_rank) AS fit_rank
  FROM best_fits
  JOIN ranked_zones
    ON ranked_zones.location_id = best_fits.location_id AND ranked_zones.timezone = best_fits.timezone
  WHERE best_fits.times >= 20
    AND best_fits.times_open >= best_fits.times * 0.95
    AND best_fits.most_open - best_fits.times_open <= best_fits.times * 0.02
)
SELECT
  all_locations.location_id,
  COALESCE(locations.name, all_locations.location_id) AS name,
  COALESCE(stated_zones.timezone, fitting_zones.timezone, chosen_zones.timezone, 'UTC') AS timezone,
  CASE
    WHEN stated_zones.timezone IS NOT NULL THEN stated_zones.source
    WHEN fitting_zones.timezone IS NOT NULL THEN 'office hours'
    WHEN chosen_zones.timezone IS NOT NULL THEN 'contacts'
    ELSE 'default'
  END AS timezone_source,
  locations.deleted_at IS NOT NULL AS is_deleted
FROM all_locations
LEFT JOIN staging.stg_locations AS locations ON locations.location_id = all_locations.location_id
LEFT JOIN stated_zones ON stated_zones.location_id = all_locations.location_id
LEFT JOIN fitting_zones ON fitting_zones.location_id = all_locations.location_id AND fitting_zones.fit_rank = 1
LEFT JOIN ranked_zones AS chosen_zones
  ON chosen_zones.location_id = all_locations.location_id
  AND chosen_zones.zone_rank = 1
  AND chosen_zones.appointments > 0
