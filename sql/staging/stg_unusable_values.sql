/*
Grain: one row per location, raw table, record and column with a value that the models cannot use.
Question: Which values did the API send that no model can compute with?
Key: location_id, table_name, record_id, column_name
Notes: Current records that are not deleted. The value is null in staging, and a slot without a usable start is left
  out. An end before its start is kept; durations and opening times then do without it. Ids name the records; the values
  are in the raw tables, in the column or in extra.
Audits:
  not null: location_id, table_name, record_id, column_name, reason
Columns:
  location_id: The location (tenant).
  table_name: The raw table.
  record_id: The record's key without the location, its parts joined by slashes.
  column_name: The column of the raw table.
  reason: not understood (the value has no form of its column's type, or a unit is unknown), out of range, before the
    start, or before the opening.
*/
WITH appointments AS (
  SELECT
    held.location_id,
    held.id AS record_id,
    held.extra,
    held.start_time,
    held.start_time_raw,
    held.end_time,
    held.end_time_raw,
    held.created_at,
    held.updated_at,
    staged.starts_at AS usable_start,
    staged.ends_at AS usable_end,
    staged.created_at AS usable_created_at,
    staged.updated_at AS usable_updated_at
  FROM raw.appointments AS held
  JOIN staging.stg_appointments AS staged
    ON staged.location_id = held.location_id AND staged.appointment_id = held.id
  WHERE held._dlt_valid_to IS NULL AND held.deleted_at IS NULL
), contacts AS (
  SELECT
    held.location_id,
    held.id AS record_id,
    held.extra,
    held.date_added,
    staged.added_at AS usable_date_added
  FROM raw.contacts AS held
  JOIN staging.stg_contacts AS staged ON staged.location_id = held.location_id AND staged.contact_id = held.id
  WHERE held._dlt_valid_to IS NULL AND held.deleted_at IS NULL
), services AS (
  SELECT
    held.*,
    staged.slot_duration_minutes,
    staged.slot_interval_minutes,
    staged.slot_buffer_minutes,
    staged.appointments_per_slot AS usable_per_slot,
    staged.appointments_per_day AS usable_per_day,
    staged.booking_notice_minutes,
    staged.booking_horizon_minutes
  FROM raw.services AS held
  JOIN staging.stg_services AS staged ON staged.location_id = held.location_id AND staged.service_id = held.id
  WHERE held._dlt_valid_to IS NULL AND held.deleted_at IS NULL
), hours AS (
  SELECT
    held.*,
    held.service_id || '/' || held.weekday || '/' || CAST(held.position AS VARCHAR) AS record_id,
    staged.weekday AS usable_weekday,
    staged.opens_at_minute,
    staged.closes_at_minute
  FROM raw.service_hours AS held
  LEFT JOIN staging.stg_service_hours AS staged
    ON staged.location_id = held.location_id
    AND staged.service_id = held.service_id
    AND staged.position = held.position
    AND staged.weekday_sent = held.weekday
  WHERE held._dlt_valid_to IS NULL AND held.deleted_at IS NULL
), values_lost AS (
  -- Columns without a usable value. is_null: whether the column is null. is_wrong: whether its own value is the cause.
  -- sent: what the API sent, if it did not fit into the column.
  SELECT location_id, 'appointments' AS table_name, record_id, 'start_time' AS column_name, start_time IS NULL AS is_null,
    start_time IS NOT NULL AS is_wrong,
    COALESCE(start_time_raw, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.startTime')) AS sent
  FROM appointments
  WHERE usable_start IS NULL
  UNION ALL
  SELECT location_id, 'appointments', record_id, 'end_time', end_time IS NULL,
    end_time IS NOT NULL, COALESCE(end_time_raw, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.endTime'))
  FROM appointments
  WHERE usable_end IS NULL
  UNION ALL
  SELECT location_id, 'appointments', record_id, 'created_at', created_at IS NULL,
    created_at IS NOT NULL, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.createdAt')
  FROM appointments
  WHERE usable_created_at IS NULL
  UNION ALL
  SELECT location_id, 'appointments', record_id, 'updated_at', updated_at IS NULL,
    updated_at IS NOT NULL, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.updatedAt')
  FROM appointments
  WHERE usable_updated_at IS NULL
  UNION ALL
  SELECT location_id, 'contacts', record_id, 'date_added', date_added IS NULL,
    date_added IS NOT NULL, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.dateAdded')
  FROM contacts
  WHERE usable_date_added IS NULL
  UNION ALL
  SELECT location_id, 'services', id, 'slot_duration', slot_duration IS NULL,
    slot_duration IS NOT NULL, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.availability.eventTiming.slotDuration')
  FROM services
  WHERE slot_duration_minutes IS NULL
  UNION ALL
  SELECT location_id, 'services', id, 'slot_interval', slot_interval IS NULL,
    slot_interval IS NOT NULL, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.availability.eventTiming.slotInterval')
  FROM services
  WHERE slot_interval_minutes IS NULL
  UNION ALL
  SELECT location_id, 'services', id, 'slot_buffer', slot_buffer IS NULL,
    slot_buffer IS NOT NULL, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.availability.eventTiming.slotBuffer')
  FROM services
  WHERE slot_buffer_minutes IS NULL
  UNION ALL
  SELECT location_id, 'services', id, 'appointments_per_slot', appointments_per_slot IS NULL,
    appointments_per_slot IS NOT NULL, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.availability.appointmentInfo.perSlot')
  FROM services
  WHERE usable_per_slot IS NULL
  UNION ALL
  SELECT location_id, 'services', id, 'appointments_per_day', appointments_per_day IS NULL,
    appointments_per_day IS NOT NULL, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.availability.appointmentInfo.perDay')
  FROM services
  WHERE usable_per_day IS NULL
  UNION ALL
  SELECT location_id, 'services', id, 'allow_booking_after', allow_booking_after IS NULL,
    allow_booking_after <> 0, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.availability.schedule.allowBookingAfter')
  FROM services
  WHERE booking_notice_minutes IS NULL
  UNION ALL
  SELECT location_id, 'services', id, 'allow_booking_for', allow_booking_for IS NULL,
    allow_booking_for <> 0, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.availability.schedule.allowBookingFor')
  FROM services
  WHERE booking_horizon_minutes IS NULL
  UNION ALL
  SELECT location_id, 'service_hours', record_id, 'open_hour', open_hour IS NULL,
    open_hour NOT BETWEEN 0 AND 24, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.openHour')
  FROM hours
  WHERE opens_at_minute IS NULL
  UNION ALL
  SELECT location_id, 'service_hours', record_id, 'open_minute', open_minute IS NULL,
    open_minute NOT BETWEEN 0 AND 59, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.openMinute')
  FROM hours
  WHERE opens_at_minute IS NULL
  UNION ALL
  SELECT location_id, 'service_hours', record_id, 'close_hour', close_hour IS NULL,
    close_hour NOT BETWEEN 0 AND 24, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.closeHour')
  FROM hours
  WHERE closes_at_minute IS NULL
  UNION ALL
  SELECT location_id, 'service_hours', record_id, 'close_minute', close_minute IS NULL,
    close_minute NOT BETWEEN 0 AND 59, JSON_EXTRACT_STRING(CAST(extra AS JSON), '$.closeMinute')
  FROM hours
  WHERE closes_at_minute IS NULL
), unusable AS (
  SELECT
    location_id,
    table_name,
    record_id,
    column_name,
    CASE WHEN is_null THEN 'not understood' ELSE 'out of range' END AS reason
  FROM values_lost
  WHERE is_wrong OR sent IS NOT NULL
  UNION ALL
  SELECT location_id, 'service_hours', record_id, 'weekday', 'not understood' FROM hours WHERE usable_weekday IS NULL
  UNION ALL
  SELECT location_id, 'appointments', record_id, 'end_time', 'before the start'
  FROM appointments
  WHERE usable_end < usable_start
  UNION ALL
  SELECT location_id, 'service_hours', record_id, 'close_hour', 'before the opening'
  FROM hours
  WHERE closes_at_minute < opens_at_minute
  UNION ALL
  SELECT
    slots.location_id,
    'slots',
    slots.service_id || '/' || COALESCE(slots.start_time_raw, CAST(slots.start_time AS VARCHAR)),
    'start_time',
    'out of range'
  FROM raw.slots AS slots
  LEFT JOIN staging.stg_slots AS staged
    ON staged.location_id = slots.location_id
    AND staged.service_id = slots.service_id
    AND staged.starts_at = slots.start_time
  WHERE slots._dlt_valid_to IS NULL AND slots.deleted_at IS NULL AND staged.service_id IS NULL
)
SELECT
  location_id,
  table_name,
  record_id,
  column_name,
  reason
FROM unusable
