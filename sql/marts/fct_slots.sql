/*
Grain: one row per location, service and start of a slot.
Question: Which slots were offered, what became of each, and how many more bookings could it take?
Key: location_id, service_id, starts_at
Incremental by: location_id, service_id
Clock:
  marts.fct_slot_seats: starts_at
Notes: A slot can still be booked while a member of the service has a seat left (fct_slot_seats). Bookings decide before
  the list of slots does: a slot that was booked after the last read is taken, although that read listed it. A slot that
  has not begun and is still listed has at least one seat, because the API offers it. Slots may overlap, such as a
  60-minute slot every 15 minutes. A free slot's minutes run until its end or the service's next free slot, whichever
  comes first, so their sum is the time that could be booked; seats count in the same way for each member.
Audits:
  not null: location_id, service_id, starts_at, state, local_date, free_seats
  references: location_id, service_id -> marts.dim_service (location_id, service_id)
  accepted: state in free, taken, busy, withdrawn
  range: local_hour from 0 to 23
  range: free_minutes from 0
  range: free_seats from 0
  range: free_seat_minutes from 0
  check free_slots_have_seats: (state = 'free') = (free_seats > 0)
Columns:
  local_weekday: Weekday of the local day, 1 Monday to 7 Sunday.
  local_hour: Local hour of the start, 0 to 23.
  slot_duration_minutes: Length of the slot, in minutes; null if not known.
  state: free; taken by a booking of its service that begins with it; busy, because its members have other bookings at
    that time; or withdrawn, for example because of time off or other opening hours.
  free_seats: Bookings that the slot could still take; 0 unless it is free.
  free_minutes: Minutes the slot adds to the time that could be booked; 0 unless it is free, null if the service's slot
    duration is not known.
  free_seat_minutes: Minutes the slot adds to the seat-minutes that could be booked: free_minutes for each free seat.
*/
WITH offered_slots AS (
  SELECT
    *,
    gone_at IS NULL AND starts_at > $now AS is_offered_now,
    CAST(FLOOR(EXTRACT(EPOCH FROM starts_at)) AS BIGINT) AS start_second
  FROM marts.fct_slot_seats
), slot_states AS (
  SELECT
    *,
    start_second + CAST(COALESCE(slot_duration_minutes, 0) * 60 AS BIGINT) AS end_second,
    CASE
      WHEN is_offered_now OR free_seats > 0 THEN 'free'
      WHEN bookings > 0 THEN 'taken'
      WHEN has_booked_member THEN 'busy'
      ELSE 'withdrawn'
    END AS state
  FROM offered_slots
), slots_with_next AS (
  SELECT
    *,
    LEAD(start_second) OVER (PARTITION BY location_id, service_id, state ORDER BY starts_at) AS next_start_second
  FROM slot_states
), measured_slots AS (
  SELECT
    *,
    CASE
      WHEN state <> 'free' THEN 0
      WHEN slot_duration_minutes IS NOT NULL THEN CAST(
        FLOOR((LEAST(end_second, COALESCE(next_start_second, end_second)) - start_second) / 60.0) AS BIGINT
      )
    END AS free_minutes
  FROM slots_with_next
)
SELECT
  location_id,
  service_id,
  starts_at,
  local_start,
  local_date,
  CAST(EXTRACT(ISODOW FROM local_start) AS INTEGER) AS local_weekday,
  CAST(EXTRACT(HOUR FROM local_start) AS INTEGER) AS local_hour,
  slot_duration_minutes,
  state,
  CASE WHEN is_offered_now THEN GREATEST(free_seats, 1) ELSE free_seats END AS free_seats,
  free_minutes,
  CASE WHEN free_seats = 0 THEN free_minutes ELSE free_seat_minutes END AS free_seat_minutes,
  first_seen_at,
  gone_at
FROM measured_slots
