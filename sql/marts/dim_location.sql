/*
Grain: one row per location.
Question: Which locations exist, and which time zone is each in?
Key: location_id
Notes: Every local date and hour in the marts uses this time zone. It is the configured zone; else the zone that
  contacts chose most often in the location's appointments, the first by name if two are equally frequent; else UTC.
  Outdated names count as the zones that replaced them: US/Central is America/Chicago. Zones that the warehouse does
  not know are ignored. A transform that changes the zone of a location says so, because all its local times move. Includes locations that appear only in records, not in the
  configuration.
Audits:
  not null: location_id, timezone, timezone_source
  accepted: timezone_source in configured, appointments, default
Columns:
  location_id: The location (tenant).
  name: The location's name in the configuration; its id if it has no name.
  timezone: IANA time zone of the location.
  timezone_source: Where the time zone comes from: configured, appointments or default (UTC).
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
), chosen_zones AS (
  SELECT appointments.location_id, valid.canonical AS timezone, COUNT(*) AS appointments
  FROM staging.stg_appointments AS appointments
  JOIN warehouse.timezones AS valid ON valid.name = appointments.timezone
  GROUP BY appointments.location_id, valid.canonical
), ranked_zones AS (
  SELECT
    chosen_zones.location_id,
    chosen_zones.timezone,
    ROW_NUMBER() OVER (
      PARTITION BY chosen_zones.location_id
      ORDER BY chosen_zones.appointments DESC, chosen_zones.timezone
    ) AS zone_rank
  FROM chosen_zones
)
SELECT
  all_locations.location_id,
  COALESCE(locations.name, all_locations.location_id) AS name,
  COALESCE(CASE WHEN configured.name IS NOT NULL THEN locations.timezone END, ranked_zones.timezone, 'UTC') AS timezone,
  CASE
    WHEN configured.name IS NOT NULL THEN 'configured'
    WHEN ranked_zones.timezone IS NOT NULL THEN 'appointments'
    ELSE 'default'
  END AS timezone_source,
  locations.deleted_at IS NOT NULL AS is_deleted
FROM all_locations
LEFT JOIN staging.stg_locations AS locations ON locations.location_id = all_locations.location_id
LEFT JOIN warehouse.timezones AS configured ON configured.name = locations.timezone
LEFT JOIN ranked_zones ON ranked_zones.location_id = all_locations.location_id AND ranked_zones.zone_rank = 1
