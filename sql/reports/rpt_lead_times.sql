/*
Grain: one row per location, service, month and group of lead times.
Question: How far ahead are appointments booked, and does the outcome depend on it?
Key: location_id, service_id, local_month, lead_time_span
Incremental by: location_id, service_id, local_month
Notes: Past and future bookings, by the local month in which they start. Bookings without a createdAt from the API are
  in the group not known, so that the groups add up to all bookings.
Audits:
  not null: location_id, local_month, lead_time_span
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  references: lead_time_span -> marts.dim_time_span (time_span)
  range: bookings from 1
  check parts_add_up: bookings = open + showed + noshow + cancelled + invalid
Columns:
  lead_time_span: Group of the lead time (dim_time_span); sorts from short to long.
  bookings: Bookings of the month in the group.
  open: Bookings without a final status.
  showed: Bookings that the contact attended.
  noshow: Bookings that the contact missed.
  cancelled: Cancelled bookings.
  invalid: Bookings marked invalid.
*/
SELECT
  bookings.location_id,
  bookings.service_id,
  bookings.local_month,
  bookings.lead_time_span,
  span.label AS lead_time,
  COUNT(*) AS bookings,
  CAST(COUNT_IF(bookings.is_open) AS BIGINT) AS open,
  CAST(COUNT_IF(bookings.status = 'showed') AS BIGINT) AS showed,
  CAST(COUNT_IF(bookings.status = 'noshow') AS BIGINT) AS noshow,
  CAST(COUNT_IF(bookings.status = 'cancelled') AS BIGINT) AS cancelled,
  CAST(COUNT_IF(bookings.status = 'invalid') AS BIGINT) AS invalid
FROM marts.fct_appointments AS bookings
JOIN marts.dim_time_span AS span ON span.time_span = bookings.lead_time_span
WHERE bookings.is_booking AND bookings.local_month IS NOT NULL
GROUP BY bookings.location_id, bookings.service_id, bookings.local_month, bookings.lead_time_span, span.label
