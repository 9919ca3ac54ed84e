/*
Grain: one row per location, service, local month and kind of loss.
Question: How many contacts who missed or cancelled a booking book again within 30 days?
Key: location_id, service_id, local_month, loss
Notes: A no-show is lost at its start, a cancellation when it was made (fct_appointment_events.changed_at), or at the
  start if that is not known. It is rebooked if the same contact made another booking of the location in the 30 days
  after, for whatever service, that is neither cancelled nor invalid. Only losses whose 30 days are over count, and only
  if the contact is known. Bookings without a createdAt from the API cannot be dated, so they rebook nothing.
Audits:
  not null: location_id, local_month, loss, is_too_few
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  accepted: loss in noshow, cancelled
  range: lost from 1
  range: rebooking_rate from 0 to 1
  check part_within_total: rebooked <= lost
Columns:
  local_month: First day of the local month of the lost booking's start.
  loss: What was lost: a noshow or a cancelled booking.
  lost: Bookings lost.
  rebooked: Of these, bookings whose contact booked again within 30 days.
  is_too_few: Whether fewer than 10 bookings were lost, too few for a rate.
  rebooking_rate: rebooked / lost.
  rebooking_rate_low: Lower end of the rate's 95 % interval.
  rebooking_rate_high: Upper end of the rate's 95 % interval.
*/
WITH cancellations AS (
  SELECT location_id, appointment_id, MAX(changed_at) AS cancelled_at
  FROM marts.fct_appointment_events
  WHERE event = 'status changed' AND to_status = 'cancelled'
  GROUP BY location_id, appointment_id
), losses AS (
  SELECT
    bookings.location_id,
    bookings.appointment_id,
    bookings.service_id,
    bookings.contact_id,
    bookings.local_month,
    bookings.status AS loss,
    CASE
      WHEN bookings.status = 'cancelled' THEN COALESCE(cancellations.cancelled_at, bookings.starts_at)
      ELSE bookings.starts_at
    END AS lost_at
  FROM marts.fct_appointments AS bookings
  LEFT JOIN cancellations
    ON cancellations.location_id = bookings.location_id AND cancellations.appointment_id = bookings.appointment_id
  WHERE bookings.is_booking
    AND bookings.status IN ('noshow', 'cancelled')
    AND bookings.contact_id IS NOT NULL
    AND bookings.local_month IS NOT NULL
), followed_losses AS (
  SELECT
    losses.location_id,
    losses.appointment_id,
    losses.service_id,
    losses.local_month,
    losses.loss,
    COUNT(next_bookings.appointment_id) > 0 AS is_rebooked
  FROM losses
  LEFT JOIN marts.fct_appointments AS next_bookings
    ON next_bookings.location_id = losses.location_id
    AND next_bookings.contact_id = losses.contact_id
    AND next_bookings.appointment_id <> losses.appointment_id
    AND next_bookings.is_expected
    AND next_bookings.booked_at_source = 'created_at'
    AND next_bookings.booked_at > losses.lost_at
    AND next_bookings.booked_at <= losses.lost_at + INTERVAL 30 DAY
  WHERE losses.lost_at + INTERVAL 30 DAY <= $now
  GROUP BY losses.location_id, losses.appointment_id, losses.service_id, losses.local_month, losses.loss
), counts AS (
  SELECT
    location_id,
    service_id,
    local_month,
    loss,
    COUNT(*) AS lost,
    CAST(COUNT_IF(is_rebooked) AS BIGINT) AS rebooked
  FROM followed_losses
  GROUP BY location_id, service_id, local_month, loss
)
SELECT
  location_id,
  service_id,
  local_month,
  loss,
  lost,
  rebooked,
  lost < 10 AS is_too_few,
  CAST(rebooked AS DOUBLE) / lost AS rebooking_rate,
  WILSON_LOW(rebooked, lost) AS rebooking_rate_low,
  WILSON_HIGH(rebooked, lost) AS rebooking_rate_high
FROM counts
