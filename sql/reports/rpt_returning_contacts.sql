/*
Grain: one row per location and local week with visits.
Question: How many visitors are new, how many came back, and how many book their next visit right away?
Key: location_id, local_week
Clock:
  marts.fct_appointments: CASE WHEN status = 'showed' THEN starts_at END
Notes: A visit is a booking that has begun, is marked showed, and whose contact is known. A contact is new in the week
  of its first known visit, else it returns. Contacts of the first weeks may have been there before: is_first_months
  marks weeks that begin in the first three calendar months with a booking, as in rpt_contact_cohorts. A visit is
  prebooked if the contact made another booking of the location from the visit's start until 24 hours after its end,
  before that booking's own start. A visit that seems to last more than a day counts as one of a day. Bookings that
  were deleted before their start count, because they were made. prebooking counts only visits whose 24 hours were over when today began, in UTC,
  and leaves out visits followed only by bookings without a createdAt from the API that a sync first saw later: nobody
  knows when these were made.
Audits:
  not null: location_id, local_week, is_first_months, is_too_few
  references: location_id -> marts.dim_location (location_id)
  range: visits from 1
  range: prebooking_rate from 0 to 1
  check contacts_add_up: contacts = new_contacts + returning_contacts
  check parts_within_total: prebooked_visits <= followed_visits AND followed_visits <= visits
Columns:
  visits: Visits of the week.
  contacts: Different contacts who came.
  new_contacts: Of these, contacts whose first known visit was in this week.
  returning_contacts: Of these, contacts who had been there in an earlier week.
  is_first_months: Whether the week begins in the first three calendar months with a booking in this location.
  followed_visits: Visits whose end was more than 24 hours ago when today began, in UTC, if it is known whether the contact booked again.
  prebooked_visits: Of these, visits after which the contact made another booking within 24 hours.
  is_too_few: Whether there are fewer than 10 such visits, too few for a rate.
  prebooking_rate: prebooked_visits / followed_visits; null if there are none.
  prebooking_rate_low: Lower end of the rate's 95 % interval.
  prebooking_rate_high: Upper end of the rate's 95 % interval.
*/
WITH visits AS (
  SELECT
    location_id,
    appointment_id,
    contact_id,
    local_week,
    starts_at,
    LEAST(CASE WHEN ends_at >= starts_at THEN ends_at ELSE starts_at END, starts_at + INTERVAL 1 DAY) + INTERVAL 1 DAY
      AS followed_until,
    MIN(local_week) OVER (PARTITION BY location_id, contact_id) AS first_week
  FROM marts.fct_appointments
  WHERE is_booking AND status = 'showed' AND contact_id IS NOT NULL AND starts_at <= $now
), first_bookings AS (
  SELECT bookings.location_id, MIN(bookings.local_month) AS first_month
  FROM marts.fct_appointments AS bookings
  JOIN marts.dim_date AS days ON days.date = bookings.local_date -- leaves out wrong years
  WHERE bookings.is_booking
  GROUP BY bookings.location_id
), contacts AS (
  SELECT location_id, contact_id, ROW_NUMBER() OVER (ORDER BY location_id, contact_id) AS contact
  FROM visits
  GROUP BY location_id, contact_id
), next_bookings AS (
  SELECT
    contacts.contact,
    bookings.starts_at,
    bookings.booked_at,
    bookings.first_seen_at,
    bookings.booked_at_source = 'created_at' AS is_dated
  FROM marts.fct_appointments AS bookings
  JOIN contacts ON contacts.location_id = bookings.location_id AND contacts.contact_id = bookings.contact_id
  WHERE (bookings.is_booking OR bookings.is_deleted_before_start) AND bookings.starts_at IS NOT NULL
), edges AS (
  SELECT contacts.contact, visits.starts_at AS edge_at, 0 AS edge_order, CAST(NULL AS TIMESTAMPTZ) AS booked_at
  FROM visits
  JOIN contacts ON contacts.location_id = visits.location_id AND contacts.contact_id = visits.contact_id
  UNION ALL
  SELECT contact, booked_at, 1, booked_at FROM next_bookings WHERE is_dated AND booked_at < starts_at
), edges_with_next AS (
  -- A window costs the same however many bookings one contact has; a join would compare all of them.
  SELECT
    contact,
    edge_at,
    edge_order,
    MIN(booked_at) OVER (
      PARTITION BY contact ORDER BY edge_at, edge_order ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING
    ) AS next_booked_at
  FROM edges
), next_bookings_made AS (
  SELECT contact, edge_at AS starts_at, MIN(next_booked_at) AS next_booked_at
  FROM edges_with_next
  WHERE edge_order = 0
  GROUP BY contact, edge_at
), last_undated AS (
  -- A visit before this time may have been followed by a booking without a createdAt.
  SELECT contact, MAX(LEAST(first_seen_at, starts_at)) AS known_from
  FROM next_bookings
  WHERE NOT is_dated
  GROUP BY contact
), followed_visits AS (
  SELECT
    visits.contact_id,
    visits.location_id,
    visits.local_week,
    visits.first_week,
    visits.followed_until <= $today AS is_over,
    COALESCE(next_bookings_made.next_booked_at <= visits.followed_until, FALSE) AS is_prebooked,
    COALESCE(last_undated.known_from > visits.starts_at, FALSE) AS has_undated_booking
  FROM visits
  JOIN contacts ON contacts.location_id = visits.location_id AND contacts.contact_id = visits.contact_id
  JOIN next_bookings_made
    ON next_bookings_made.contact = contacts.contact AND next_bookings_made.starts_at = visits.starts_at
  LEFT JOIN last_undated ON last_undated.contact = contacts.contact
), weekly_counts AS (
  SELECT
    location_id,
    local_week,
    COUNT(*) AS visits,
    COUNT(DISTINCT contact_id) AS contacts,
    COUNT(DISTINCT CASE WHEN local_week = first_week THEN contact_id END) AS new_contacts,
    CAST(COUNT_IF(is_over AND (is_prebooked OR NOT has_undated_booking)) AS BIGINT) AS followed_visits,
    CAST(COUNT_IF(is_over AND is_prebooked) AS BIGINT) AS prebooked_visits
  FROM followed_visits
  GROUP BY location_id, local_week
)
SELECT
  counts.location_id,
  counts.local_week,
  counts.visits,
  counts.contacts,
  counts.new_contacts,
  counts.contacts - counts.new_contacts AS returning_contacts,
  counts.local_week < CAST(first_bookings.first_month + INTERVAL 3 MONTH AS DATE) AS is_first_months,
  counts.followed_visits,
  counts.prebooked_visits,
  counts.followed_visits < 10 AS is_too_few,
  CAST(counts.prebooked_visits AS DOUBLE) / NULLIF(counts.followed_visits, 0) AS prebooking_rate,
  WILSON_LOW(counts.prebooked_visits, counts.followed_visits) AS prebooking_rate_low,
  WILSON_HIGH(counts.prebooked_visits, counts.followed_visits) AS prebooking_rate_high
FROM weekly_counts AS counts
JOIN first_bookings ON first_bookings.location_id = counts.location_id
WHERE counts.local_week IN (SELECT week FROM marts.dim_date)
