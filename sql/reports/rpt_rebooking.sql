/*
Grain: one row per location, service, local month and kind of loss.
Question: How many contacts who missed or cancelled a booking book again within 30 days?
Key: location_id, service_id, local_month, loss
Notes: A no-show is lost at its start, a cancellation when it was made (fct_cancellations). It is rebooked if the same
  contact made another booking of the location from then until 30 days after, for whatever service, that is neither
  cancelled nor invalid. A cancellation that the API does not date lies between two syncs: a booking made from the first
  of them on counts. Only losses whose 30 days were over when today began, in UTC, count, and only if the contact is known. Losses in not_known are
  left out: a cancellation that the first sync already found, and a loss followed only by bookings without a createdAt
  from the API that a sync first saw later, because nobody knows when these were made.
Audits:
  not null: location_id, local_month, loss, is_too_few
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  accepted: loss in noshow, cancelled
  range: lost from 0
  range: not_known from 0
  range: rebooking_rate from 0 to 1
  check part_within_total: rebooked <= lost
Columns:
  local_month: First day of the local month of the lost booking's start.
  loss: What was lost: a noshow or a cancelled booking.
  lost: Bookings lost of which it is known whether the contact booked again.
  rebooked: Of these, bookings whose contact booked again within 30 days.
  not_known: Bookings lost of which this is not known; not part of lost.
  is_too_few: Whether fewer than 10 bookings were lost, too few for a rate.
  rebooking_rate: rebooked / lost; null if lost is 0.
  rebooking_rate_low: Lower end of the rate's 95 % interval.
  rebooking_rate_high: Upper end of the rate's 95 % interval.
*/
WITH losses AS (
  -- own_booked_at and own_seen_at: the counts below include a no-show itself.
  SELECT
    bookings.location_id,
    bookings.appointment_id,
    bookings.service_id,
    bookings.contact_id,
    bookings.local_month,
    bookings.status AS loss,
    CASE WHEN bookings.status = 'cancelled' THEN cancellations.cancelled_after ELSE bookings.starts_at END AS lost_after,
    CASE WHEN bookings.status = 'cancelled' THEN cancellations.cancelled_by ELSE bookings.starts_at END AS lost_by,
    CASE WHEN bookings.is_expected AND bookings.booked_at_source = 'created_at' THEN bookings.booked_at END AS own_booked_at,
    CASE WHEN bookings.is_expected AND bookings.booked_at_source <> 'created_at' THEN bookings.first_seen_at END
      AS own_seen_at
  FROM marts.fct_appointments AS bookings
  LEFT JOIN marts.fct_cancellations AS cancellations
    ON cancellations.location_id = bookings.location_id AND cancellations.appointment_id = bookings.appointment_id
  WHERE bookings.is_booking
    AND bookings.status IN ('noshow', 'cancelled')
    AND bookings.contact_id IS NOT NULL
    AND bookings.local_month IS NOT NULL
    AND COALESCE(cancellations.cancelled_by, bookings.starts_at) + INTERVAL 30 DAY <= $today
), contacts AS (
  SELECT location_id, contact_id, ROW_NUMBER() OVER (ORDER BY location_id, contact_id) AS contact
  FROM losses
  GROUP BY location_id, contact_id
), edges AS (
  -- Running counts of a contact's bookings. They cost the same however many bookings one contact has.
  SELECT
    contacts.contact,
    CASE WHEN bookings.booked_at_source = 'created_at' THEN bookings.booked_at ELSE bookings.first_seen_at END AS edge_at,
    0 AS edge_order,
    CASE WHEN bookings.booked_at_source = 'created_at' THEN 1 ELSE 0 END AS dated,
    CASE WHEN bookings.booked_at_source = 'created_at' THEN 0 ELSE 1 END AS undated,
    CAST(NULL AS VARCHAR) AS appointment_id
  FROM marts.fct_appointments AS bookings
  JOIN contacts ON contacts.location_id = bookings.location_id AND contacts.contact_id = bookings.contact_id
  WHERE bookings.is_expected
  UNION ALL
  SELECT contacts.contact, losses.lost_after, 1, 0, 0, losses.appointment_id
  FROM losses
  JOIN contacts ON contacts.location_id = losses.location_id AND contacts.contact_id = losses.contact_id
  WHERE losses.lost_by IS NOT NULL
  UNION ALL
  SELECT contacts.contact, losses.lost_by + INTERVAL 30 DAY, 2, 0, 0, losses.appointment_id
  FROM losses
  JOIN contacts ON contacts.location_id = losses.location_id AND contacts.contact_id = losses.contact_id
  WHERE losses.lost_by IS NOT NULL
), running_counts AS (
  SELECT
    contact,
    appointment_id,
    edge_order,
    SUM(dated) OVER (
      PARTITION BY contact ORDER BY edge_at, edge_order ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS dated,
    SUM(undated) OVER (
      PARTITION BY contact ORDER BY edge_at, edge_order ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS undated,
    SUM(undated) OVER (PARTITION BY contact) AS undated_in_all
  FROM edges
), following_counts AS (
  SELECT
    contacts.location_id,
    counts.appointment_id,
    SUM(CASE WHEN counts.edge_order = 2 THEN counts.dated ELSE -counts.dated END) AS dated,
    SUM(CASE WHEN counts.edge_order = 1 THEN counts.undated_in_all - counts.undated ELSE 0 END) AS undated
  FROM running_counts AS counts
  JOIN contacts ON contacts.contact = counts.contact
  WHERE counts.edge_order > 0
  GROUP BY contacts.location_id, counts.appointment_id
), followed_losses AS (
  SELECT
    losses.location_id,
    losses.service_id,
    losses.local_month,
    losses.loss,
    following_counts.dated > CASE
      WHEN losses.own_booked_at > losses.lost_after AND losses.own_booked_at <= losses.lost_by + INTERVAL 30 DAY THEN 1
      ELSE 0
    END AS is_rebooked,
    following_counts.undated > CASE WHEN losses.own_seen_at > losses.lost_after THEN 1 ELSE 0 END AS has_undated_booking
  FROM losses
  LEFT JOIN following_counts
    ON following_counts.location_id = losses.location_id AND following_counts.appointment_id = losses.appointment_id
), known_losses AS (
  SELECT
    location_id,
    service_id,
    local_month,
    loss,
    is_rebooked,
    COALESCE(is_rebooked OR NOT has_undated_booking, FALSE) AS is_known
  FROM followed_losses
), counts AS (
  SELECT
    location_id,
    service_id,
    local_month,
    loss,
    CAST(COUNT_IF(is_known) AS BIGINT) AS lost,
    CAST(COUNT_IF(is_known AND is_rebooked) AS BIGINT) AS rebooked,
    CAST(COUNT_IF(NOT is_known) AS BIGINT) AS not_known
  FROM known_losses
  GROUP BY location_id, service_id, local_month, loss
)
SELECT
  location_id,
  service_id,
  local_month,
  loss,
  lost,
  rebooked,
  not_known,
  lost < 10 AS is_too_few,
  CAST(rebooked AS DOUBLE) / NULLIF(lost, 0) AS rebooking_rate,
  WILSON_LOW(rebooked, lost) AS rebooking_rate_low,
  WILSON_HIGH(rebooked, lost) AS rebooking_rate_high
FROM counts
