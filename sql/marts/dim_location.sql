/*
Grain: one row per location.
Question: Which locations are there, and which zone makes their local days?
Key: location_id
Notes: A location that only its records name (no configuration loaded yet) is here too. The zone is the configured
  one, else the one its appointments' contacts chose most often (the first by name if two tie), else UTC. Only zones
  the warehouse itself knows count, so that no zone can make a conversion fail.
Audits:
  not null: location_id, timezone, timezone_source
  accepted: timezone_source in configured, appointments, default
Columns:
  location_id: The location (tenant).
  name: Its name in the configuration; its id where it has none.
  timezone: IANA zone of the location's local days and hours.
  timezone_source: Where the zone comes from: configured, appointments or default (UTC).
  is_deleted: Whether it has left the configuration.
*/
WITH named AS (
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
), zones AS (
  SELECT location_id, timezone, COUNT(*) AS appointments
  FROM staging.stg_appointments
  WHERE timezone IS NOT NULL
  GROUP BY location_id, timezone
), ranked AS (
  SELECT
    zones.location_id,
    zones.timezone,
    ROW_NUMBER() OVER (PARTITION BY zones.location_id ORDER BY zones.appointments DESC, zones.timezone) AS place
  FROM zones
  JOIN warehouse.timezones AS valid ON valid.name = zones.timezone
)
SELECT
  named.location_id,
  COALESCE(locations.name, named.location_id) AS name,
  COALESCE(CASE WHEN configured.name IS NOT NULL THEN locations.timezone END, ranked.timezone, 'UTC') AS timezone,
  CASE
    WHEN configured.name IS NOT NULL THEN 'configured'
    WHEN ranked.timezone IS NOT NULL THEN 'appointments'
    ELSE 'default'
  END AS timezone_source,
  locations.deleted_at IS NOT NULL AS is_deleted
FROM named
LEFT JOIN staging.stg_locations AS locations ON locations.location_id = named.location_id
LEFT JOIN warehouse.timezones AS configured ON configured.name = locations.timezone
LEFT JOIN ranked ON ranked.location_id = named.location_id AND ranked.place = 1
