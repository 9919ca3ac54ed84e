/*
Grain: one row per location, task and booking.
Question: Which bookings does somebody have to look after today?
Key: location_id, task, appointment_id
Clock:
  day
  marts.fct_appointments: CASE WHEN is_open OR status = 'noshow' THEN starts_at END
Notes: to mark: the booking has begun, in the last 28 local days, and nobody marked it. to confirm: the booking is
  tomorrow, by the location's clock, and its status is neither confirmed nor final. Deleted bookings need no work.
Audits:
  not null: location_id, task, appointment_id, starts_at
  references: location_id, member_id -> marts.dim_member (location_id, member_id)
  accepted: task in to mark, to confirm
Columns:
  task: What there is to do: to mark or to confirm.
  days_since: Local days since the booking; -1 for tomorrow.
  prior_noshows: The contact's no-shows that began before this booking, in all services of the location; null if the
    contact is not known.
*/
WITH todays AS (
  SELECT location_id, CAST($now AT TIME ZONE timezone AS DATE) AS today FROM marts.dim_location
), contact_bookings AS (
  SELECT
    *,
    CASE
      WHEN contact_id IS NOT NULL THEN COALESCE(SUM(
        CASE WHEN is_booking AND status = 'noshow' AND starts_at <= $now THEN 1 ELSE 0 END
      ) OVER (
        PARTITION BY location_id, contact_id ORDER BY starts_at RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        EXCLUDE GROUP
      ), 0)
    END AS prior_noshows
  FROM marts.fct_appointments
  WHERE is_open OR (is_booking AND status = 'noshow')
), open_bookings AS (
  SELECT bookings.*, todays.today - bookings.local_date AS days_since
  FROM contact_bookings AS bookings
  JOIN todays ON todays.location_id = bookings.location_id
  WHERE bookings.is_open AND NOT bookings.is_deleted
    AND bookings.local_date BETWEEN todays.today - 28 AND todays.today + 1
)
SELECT
  location_id,
  CASE WHEN starts_at <= $now THEN 'to mark' ELSE 'to confirm' END AS task,
  appointment_id,
  member_id,
  service_id,
  contact_id,
  status,
  starts_at,
  local_start,
  CAST(days_since AS INTEGER) AS days_since,
  CAST(prior_noshows AS INTEGER) AS prior_noshows
FROM open_bookings
WHERE starts_at <= $now OR (days_since = -1 AND status <> 'confirmed')
