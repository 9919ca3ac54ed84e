/*
Grain: one row per location, service and start of a slot.
Question: Which slots were offered, what became of each, and how many more bookings could it take?
Key: location_id, service_id, starts_at
Notes: A slot can still be booked while a member of the service has a seat left: the member has no other booking and no
  time off during the slot, and fewer bookings at that start than seats_per_slot. Bookings decide before the list of
  slots does: a slot that was booked after the last read is taken, although that read listed it. A slot that has not
  begun and is still listed has at least one seat, because the API offers it. A slot that disappeared before it began
  is still free if it disappeared within the service's booking notice, because the API stops listing slots that are too
  late to book. Members, seats and durations are those of the day (fct_service_days). Slots may overlap, such as a
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
  service_id: The service.
  local_start: Start, on the location's clock.
  local_date: Local day of the start.
  local_weekday: Weekday of the local day, 1 Monday to 7 Sunday.
  local_hour: Local hour of the start, 0 to 23.
  slot_duration_minutes: Length of the slot, in minutes; null if not known.
  state: free; taken by a booking of its service that begins with it; busy, because its members have other bookings at
    that time; or withdrawn, for example because of time off or other opening hours.
  free_seats: Bookings that the slot could still take; 0 unless it is free.
  free_minutes: Minutes the slot adds to the time that could be booked; 0 unless it is free, null if the service's slot
    duration is not known.
  free_seat_minutes: Minutes the slot adds to the seat-minutes that could be booked: free_minutes for each free seat.
  first_seen_at: When the slot's current version was first seen, UTC.
  gone_at: When the slot was found to be gone, UTC; null if it never disappeared before it began.
*/
WITH distinct_starts AS (
  -- Time zone conversion is slow and many slots share a start, so each start is converted once.
  SELECT DISTINCT location.timezone, slots.starts_at
  FROM staging.stg_slots AS slots
  JOIN marts.dim_location AS location ON location.location_id = slots.location_id
), local_starts AS (
  SELECT
    timezone,
    starts_at,
    CAST(FLOOR(EXTRACT(EPOCH FROM starts_at)) AS BIGINT) AS start_second,
    starts_at AT TIME ZONE timezone AS local_start,
    CAST(starts_at AT TIME ZONE timezone AS DATE) AS local_date
  FROM distinct_starts
), slots AS (
  SELECT
    slots.location_id,
    slots.service_id,
    slots.starts_at,
    local_starts.local_start,
    local_starts.local_date,
    local_starts.start_second,
    local_starts.start_second + CAST(COALESCE(days.slot_duration_minutes, 0) * 60 AS BIGINT) AS end_second,
    days.slot_duration_minutes,
    COALESCE(days.seats_per_slot, 1) AS seats_per_slot,
    COALESCE(days.members, 0) AS members,
    COALESCE(
      EXTRACT(EPOCH FROM slots.starts_at) - EXTRACT(EPOCH FROM slots.deleted_at)
        <= service.booking_notice_minutes * 60,
      TRUE
    ) AS is_listed,
    slots.deleted_at IS NULL AND slots.starts_at > $now AS is_offered_now,
    slots.valid_from,
    slots.deleted_at
  FROM staging.stg_slots AS slots
  JOIN marts.dim_location AS location ON location.location_id = slots.location_id
  JOIN local_starts ON local_starts.timezone = location.timezone AND local_starts.starts_at = slots.starts_at
  JOIN marts.dim_service AS service
    ON service.location_id = slots.location_id AND service.service_id = slots.service_id
  LEFT JOIN marts.fct_service_days AS days
    ON days.location_id = slots.location_id
    AND days.service_id = slots.service_id
    AND days.local_date = local_starts.local_date
), member_calendars AS (
  -- Calendars are numbered: sorting by text ids takes three times as long.
  SELECT location_id, member_id, ROW_NUMBER() OVER (ORDER BY location_id, member_id) AS calendar
  FROM marts.dim_member
), service_calendars AS (
  SELECT location_id, service_id, -ROW_NUMBER() OVER (ORDER BY location_id, service_id) AS calendar
  FROM marts.dim_service
), slot_calendars AS (
  -- A calendar is a member's, or the service's own: for bookings and time off that name no member. Those are negative.
  SELECT
    slots.location_id,
    member_calendars.calendar,
    slots.service_id,
    slots.start_second,
    slots.end_second,
    slots.seats_per_slot AS seats,
    slots.is_listed
  FROM slots
  JOIN marts.dim_service_member AS assigned
    ON assigned.location_id = slots.location_id
    AND assigned.service_id = slots.service_id
    AND (assigned.from_date IS NULL OR assigned.from_date <= slots.local_date)
    AND (assigned.before_date IS NULL OR assigned.before_date > slots.local_date)
  JOIN member_calendars
    ON member_calendars.location_id = assigned.location_id AND member_calendars.member_id = assigned.member_id
  UNION ALL
  SELECT
    slots.location_id,
    service_calendars.calendar,
    slots.service_id,
    slots.start_second,
    slots.end_second,
    CASE WHEN slots.members = 0 THEN slots.seats_per_slot ELSE 0 END,
    slots.is_listed
  FROM slots
  JOIN service_calendars
    ON service_calendars.location_id = slots.location_id AND service_calendars.service_id = slots.service_id
), appointment_times AS (
  SELECT
    COALESCE(member_calendars.calendar, service_calendars.calendar) AS calendar,
    appointments.location_id,
    appointments.service_id,
    appointments.takes_time,
    CAST(FLOOR(EXTRACT(EPOCH FROM appointments.starts_at)) AS BIGINT) AS start_second,
    CAST(FLOOR(EXTRACT(EPOCH FROM appointments.starts_at)) AS BIGINT)
      + CAST(appointments.duration_minutes * 60 AS BIGINT) AS end_second
  FROM marts.fct_appointments AS appointments
  LEFT JOIN member_calendars
    ON member_calendars.location_id = appointments.location_id
    AND member_calendars.member_id = appointments.member_id
  LEFT JOIN service_calendars
    ON service_calendars.location_id = appointments.location_id
    AND service_calendars.service_id = appointments.service_id
  WHERE (appointments.takes_time OR appointments.blocks_time)
    AND appointments.starts_at IS NOT NULL
    AND (appointments.member_id IS NOT NULL OR appointments.service_id IS NOT NULL)
), busy_times AS (
  SELECT
    calendar,
    start_second,
    MAX(end_second) AS end_second,
    MAX(CASE WHEN takes_time THEN end_second END) AS booking_end_second,
    COUNT(*) AS entries,
    CAST(COUNT_IF(takes_time) AS BIGINT) AS bookings
  FROM appointment_times
  GROUP BY calendar, start_second
), own_bookings AS (
  SELECT location_id, calendar, service_id, start_second, COUNT(*) AS bookings
  FROM appointment_times
  WHERE takes_time AND service_id IS NOT NULL
  GROUP BY location_id, calendar, service_id, start_second
), service_bookings AS (
  SELECT location_id, service_id, start_second, SUM(bookings) AS bookings
  FROM own_bookings
  GROUP BY location_id, service_id, start_second
), calendar_times AS (
  -- Services share members and starts, so each time of a calendar is compared once.
  SELECT DISTINCT calendar, start_second, end_second FROM slot_calendars
), entries AS (
  SELECT
    calendar, start_second, end_second,
    0 AS is_busy,
    CAST(NULL AS BIGINT) AS busy_from,
    CAST(NULL AS BIGINT) AS busy_to,
    CAST(NULL AS BIGINT) AS booking_from,
    CAST(NULL AS BIGINT) AS booking_to
  FROM calendar_times
  UNION ALL
  SELECT
    calendar, start_second, NULL,
    1,
    start_second,
    end_second,
    CASE WHEN bookings > 0 THEN start_second END,
    booking_end_second
  FROM busy_times
), surrounded_entries AS (
  -- Strictly before and strictly after: what begins with the slot is compared in the next step.
  SELECT
    *,
    MAX(busy_to) OVER (
      PARTITION BY calendar ORDER BY start_second, is_busy
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS earlier_busy_to,
    MAX(booking_to) OVER (
      PARTITION BY calendar ORDER BY start_second, is_busy
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS earlier_booking_to,
    MIN(busy_from) OVER (
      PARTITION BY calendar ORDER BY start_second DESC, is_busy
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS next_busy_from,
    MIN(booking_from) OVER (
      PARTITION BY calendar ORDER BY start_second DESC, is_busy
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS next_booking_from
  FROM entries
), compared_times AS (
  -- Only the times at which something is booked or blocked off.
  SELECT
    entries.calendar,
    entries.start_second,
    entries.end_second,
    COALESCE(entries.earlier_busy_to > entries.start_second, FALSE)
      OR COALESCE(entries.next_busy_from < entries.end_second, FALSE) AS is_overlapped,
    COALESCE(entries.earlier_booking_to > entries.start_second, FALSE)
      OR COALESCE(entries.next_booking_from < entries.end_second, FALSE)
      OR COALESCE(busy_times.bookings, 0) > 0 AS has_booking,
    COALESCE(busy_times.entries, 0) AS entries
  FROM surrounded_entries AS entries
  LEFT JOIN busy_times
    ON busy_times.calendar = entries.calendar
    AND busy_times.start_second = entries.start_second
  WHERE entries.is_busy = 0
    AND (
      entries.earlier_busy_to > entries.start_second
      OR entries.next_busy_from < entries.end_second
      OR busy_times.entries > 0
    )
), compared_calendars AS (
  SELECT
    slot_calendars.*,
    COALESCE(own_bookings.bookings, 0) AS own_bookings,
    COALESCE(times.is_overlapped OR times.entries > COALESCE(own_bookings.bookings, 0), FALSE) AS is_busy_elsewhere,
    COALESCE(times.has_booking, FALSE) AS has_booking
  FROM slot_calendars
  LEFT JOIN compared_times AS times
    ON times.calendar = slot_calendars.calendar
    AND times.start_second = slot_calendars.start_second
    AND times.end_second = slot_calendars.end_second
  LEFT JOIN own_bookings
    ON own_bookings.calendar = slot_calendars.calendar
    AND own_bookings.service_id = slot_calendars.service_id
    AND own_bookings.start_second = slot_calendars.start_second
), calendars_with_seats AS (
  SELECT
    *,
    CASE WHEN is_listed AND NOT is_busy_elsewhere THEN GREATEST(seats - own_bookings, 0) ELSE 0 END AS seats_left
  FROM compared_calendars
), bookings_of_nobody AS (
  -- Bookings of the service that name no member take the seat of some member.
  SELECT
    location_id,
    service_id,
    start_second,
    own_bookings + CASE WHEN is_busy_elsewhere THEN 1 ELSE 0 END AS bookings
  FROM calendars_with_seats
  WHERE calendar < 0 AND seats = 0 AND (own_bookings > 0 OR is_busy_elsewhere)
), calendars_in_turn AS (
  SELECT
    left_over.*,
    nobody.bookings AS bookings_of_nobody,
    SUM(left_over.seats_left) OVER (
      PARTITION BY left_over.location_id, left_over.service_id, left_over.start_second ORDER BY left_over.calendar
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS seats_so_far
  FROM calendars_with_seats AS left_over
  JOIN bookings_of_nobody AS nobody
    ON nobody.location_id = left_over.location_id
    AND nobody.service_id = left_over.service_id
    AND nobody.start_second = left_over.start_second
), free_calendars AS (
  SELECT left_over.location_id, left_over.service_id, left_over.calendar, left_over.start_second, left_over.end_second,
    left_over.seats_left AS free_seats
  FROM calendars_with_seats AS left_over
  LEFT JOIN bookings_of_nobody AS nobody
    ON nobody.location_id = left_over.location_id
    AND nobody.service_id = left_over.service_id
    AND nobody.start_second = left_over.start_second
  WHERE left_over.seats_left > 0 AND nobody.bookings IS NULL
  UNION ALL
  SELECT location_id, service_id, calendar, start_second, end_second,
    LEAST(seats_left, GREATEST(seats_so_far - bookings_of_nobody, 0))
  FROM calendars_in_turn
  WHERE seats_so_far > bookings_of_nobody AND seats_left > 0
), calendars_with_next AS (
  SELECT
    *,
    LEAD(start_second) OVER (PARTITION BY location_id, service_id, calendar ORDER BY start_second)
      AS next_start_second
  FROM free_calendars
), slot_bookings AS (
  SELECT DISTINCT location_id, service_id, start_second FROM calendars_with_seats WHERE has_booking
), slot_seats AS (
  SELECT
    location_id,
    service_id,
    start_second,
    CAST(SUM(free_seats) AS BIGINT) AS free_seats,
    CAST(SUM(free_seats * (LEAST(end_second, COALESCE(next_start_second, end_second)) - start_second)) AS BIGINT)
      AS free_seat_seconds
  FROM calendars_with_next
  GROUP BY location_id, service_id, start_second
), slot_states AS (
  SELECT
    slots.*,
    CASE
      WHEN slots.is_offered_now THEN GREATEST(COALESCE(slot_seats.free_seats, 0), 1)
      ELSE COALESCE(slot_seats.free_seats, 0)
    END AS free_seats,
    COALESCE(slot_seats.free_seats, 0) AS free_member_seats,
    COALESCE(slot_seats.free_seat_seconds, 0) AS free_seat_seconds,
    CASE
      WHEN slots.is_offered_now OR slot_seats.free_seats > 0 THEN 'free'
      WHEN service_bookings.bookings > 0 THEN 'taken'
      WHEN slot_bookings.start_second IS NOT NULL THEN 'busy'
      ELSE 'withdrawn'
    END AS state
  FROM slots
  LEFT JOIN slot_seats
    ON slot_seats.location_id = slots.location_id
    AND slot_seats.service_id = slots.service_id
    AND slot_seats.start_second = slots.start_second
  LEFT JOIN slot_bookings
    ON slot_bookings.location_id = slots.location_id
    AND slot_bookings.service_id = slots.service_id
    AND slot_bookings.start_second = slots.start_second
  LEFT JOIN service_bookings
    ON service_bookings.location_id = slots.location_id
    AND service_bookings.service_id = slots.service_id
    AND service_bookings.start_second = slots.start_second
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
  free_seats,
  free_minutes,
  CASE
    WHEN free_member_seats = 0 THEN free_minutes
    WHEN slot_duration_minutes IS NOT NULL THEN CAST(FLOOR(free_seat_seconds / 60.0) AS BIGINT)
  END AS free_seat_minutes,
  valid_from AS first_seen_at,
  deleted_at AS gone_at
FROM measured_slots
