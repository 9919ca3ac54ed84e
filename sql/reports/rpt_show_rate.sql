/*
Grain: one row per location, service and local week with bookings that have begun.
Question: How many contacts came to their bookings, and how many bookings were lost before?
Key: location_id, service_id, local_week
Incremental by: location_id, service_id, local_week
Clock:
  marts.fct_appointments: starts_at
Notes: Show rate = showed / (showed + noshow). Cancelled bookings are not part of it; their rate is relative to all
  bookings. Bookings without a final status are in neither. They could still be either, so show_rate_least and
  show_rate_most say what the rate is if none or all of them came. The columns that end in low and high bound the
  95 % Wilson interval of a rate: with few bookings, the true rate can be anywhere in it. With fewer than 10 marked
  bookings (is_too_few), show no rate at all. Bookings deleted before their start are a loss like cancellations. The
  loss rate is of bookings that a sync saw before their start: what was deleted before the first sync is not known. Marks
  arrive late, so recent weeks still change: rpt_show_rate_as_known shows by how much.
Audits:
  not null: location_id, local_week, is_too_few
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  range: bookings from 0
  range: show_rate from 0 to 1
  range: noshow_rate from 0 to 1
  range: cancellation_rate from 0 to 1
  range: reschedule_rate from 0 to 1
  range: loss_rate from 0 to 1
  check parts_add_up: bookings = showed + noshow + cancelled + invalid + unmarked
  check bounds_in_order: show_rate_least <= show_rate AND show_rate <= show_rate_most
Columns:
  bookings: Bookings of the week that have begun.
  showed: Bookings that the contact attended.
  noshow: Bookings that the contact missed.
  cancelled: Cancelled bookings.
  invalid: Bookings marked invalid.
  unmarked: Bookings without a final status.
  marked: showed + noshow.
  rescheduled: Bookings rescheduled at least once, as far as syncs saw it.
  seen_ahead: Bookings that a sync saw before their start. Moves of the others are not known.
  deleted_before_start: Bookings deleted before their start; not part of bookings.
  is_too_few: Whether fewer than 10 bookings are marked, too few for a rate.
  show_rate: showed / marked; null if no booking is marked.
  show_rate_low: Lower end of the show rate's 95 % interval.
  show_rate_high: Upper end of the show rate's 95 % interval.
  show_rate_least: The show rate if no unmarked booking was attended, showed / (marked + unmarked).
  show_rate_most: The show rate if all unmarked bookings were attended, (showed + unmarked) / (marked + unmarked).
  noshow_rate: noshow / marked; null if no booking is marked.
  noshow_rate_low: Lower end of the no-show rate's 95 % interval.
  noshow_rate_high: Upper end of the no-show rate's 95 % interval.
  cancellation_rate: cancelled / bookings; null if there are no bookings.
  cancellation_rate_low: Lower end of the cancellation rate's 95 % interval.
  cancellation_rate_high: Upper end of the cancellation rate's 95 % interval.
  reschedule_rate: rescheduled / seen_ahead; null if no sync saw a booking before its start.
  reschedule_rate_low: Lower end of the reschedule rate's 95 % interval.
  reschedule_rate_high: Upper end of the reschedule rate's 95 % interval.
  seen_ahead_cancelled: Of seen_ahead, bookings that are cancelled.
  loss_rate: (seen_ahead_cancelled + deleted_before_start) / (seen_ahead + deleted_before_start).
  loss_rate_low: Lower end of the loss rate's 95 % interval.
  loss_rate_high: Upper end of the loss rate's 95 % interval.
*/
WITH weekly_counts AS (
  SELECT
    location_id,
    service_id,
    local_week,
    CAST(COUNT_IF(is_booking) AS BIGINT) AS bookings,
    CAST(COUNT_IF(is_booking AND status = 'showed') AS BIGINT) AS showed,
    CAST(COUNT_IF(is_booking AND status = 'noshow') AS BIGINT) AS noshow,
    CAST(COUNT_IF(is_booking AND status = 'cancelled') AS BIGINT) AS cancelled,
    CAST(COUNT_IF(is_booking AND status = 'invalid') AS BIGINT) AS invalid,
    CAST(COUNT_IF(is_open) AS BIGINT) AS unmarked,
    CAST(COUNT_IF(is_booking AND times_rescheduled > 0) AS BIGINT) AS rescheduled,
    CAST(COUNT_IF(is_seen_ahead) AS BIGINT) AS seen_ahead,
    CAST(COUNT_IF(is_seen_ahead AND status = 'cancelled') AS BIGINT) AS seen_ahead_cancelled,
    CAST(COUNT_IF(is_deleted_before_start) AS BIGINT) AS deleted_before_start
  FROM marts.fct_appointments
  WHERE (is_booking OR is_deleted_before_start) AND starts_at <= $now
  GROUP BY location_id, service_id, local_week
), counts AS (
  SELECT
    *,
    showed + noshow AS marked,
    showed + noshow + unmarked AS due,
    seen_ahead_cancelled + deleted_before_start AS lost,
    seen_ahead + deleted_before_start AS ever_booked
  FROM weekly_counts
)
SELECT
  location_id,
  service_id,
  local_week,
  bookings,
  showed,
  noshow,
  cancelled,
  invalid,
  unmarked,
  marked,
  rescheduled,
  seen_ahead,
  seen_ahead_cancelled,
  deleted_before_start,
  marked < 10 AS is_too_few,
  showed / NULLIF(marked, 0) AS show_rate,
  WILSON_LOW(showed, marked) AS show_rate_low,
  WILSON_HIGH(showed, marked) AS show_rate_high,
  showed / NULLIF(due, 0) AS show_rate_least,
  (showed + unmarked) / NULLIF(due, 0) AS show_rate_most,
  noshow / NULLIF(marked, 0) AS noshow_rate,
  WILSON_LOW(noshow, marked) AS noshow_rate_low,
  WILSON_HIGH(noshow, marked) AS noshow_rate_high,
  cancelled / NULLIF(bookings, 0) AS cancellation_rate,
  WILSON_LOW(cancelled, bookings) AS cancellation_rate_low,
  WILSON_HIGH(cancelled, bookings) AS cancellation_rate_high,
  rescheduled / NULLIF(seen_ahead, 0) AS reschedule_rate,
  WILSON_LOW(rescheduled, seen_ahead) AS reschedule_rate_low,
  WILSON_HIGH(rescheduled, seen_ahead) AS reschedule_rate_high,
  lost / NULLIF(ever_booked, 0) AS loss_rate,
  WILSON_LOW(lost, ever_booked) AS loss_rate_low,
  WILSON_HIGH(lost, ever_booked) AS loss_rate_high
FROM counts
