/*
Grain: one row per location, service, month and group of lead times.
Question: How far ahead do people book, and what becomes of bookings made long before?
Key: location_id, service_id, local_month, lead_time_span
Notes: Bookings by the month they start, past and to come, by the group of their lead time (dim_time_span). Those whose time
  of booking the API does not tell are a group of their own, so that all groups add up to all bookings.
Audits:
  not null: location_id, local_month, lead_time_span
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  references: lead_time_span -> marts.dim_time_span (time_span)
  range: bookings from 1
  check parts_make_the_whole: bookings = open + showed + noshow + cancelled + invalid
Columns:
  location_id: The location (tenant).
  service_id: The service; null for appointments that name none.
  local_month: First day of the month, on the location's clock.
  lead_time_span: Group of the time from booking to start (dim_time_span); orders them too.
  lead_time: The group's name.
  bookings: Bookings of the month in the group.
  open: Of these, those neither marked nor cancelled.
  showed: Of these, those who came.
  noshow: Of these, those who did not come.
  cancelled: Of these, those cancelled.
  invalid: Of these, those marked invalid.
*/
SELECT
  bookings.location_id,
  bookings.service_id,
  bookings.local_month,
  bookings.lead_time_span,
  span.label AS lead_time,
  COUNT(*) AS bookings,
  CAST(COUNT_IF(bookings.status NOT IN ('showed', 'noshow', 'cancelled', 'invalid')) AS BIGINT) AS open,
  CAST(COUNT_IF(bookings.status = 'showed') AS BIGINT) AS showed,
  CAST(COUNT_IF(bookings.status = 'noshow') AS BIGINT) AS noshow,
  CAST(COUNT_IF(bookings.status = 'cancelled') AS BIGINT) AS cancelled,
  CAST(COUNT_IF(bookings.status = 'invalid') AS BIGINT) AS invalid
FROM marts.fct_appointments AS bookings
JOIN marts.dim_time_span AS span ON span.time_span = bookings.lead_time_span
WHERE bookings.is_booking AND bookings.local_month IS NOT NULL
GROUP BY bookings.location_id, bookings.service_id, bookings.local_month, bookings.lead_time_span, span.label
