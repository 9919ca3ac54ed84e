/*
Grain: one row per location, month of the contacts' first visit, and month since then up to the current one.
Question: How many contacts come back, and after how many months?
Key: location_id, cohort_month, months_since
Clock:
  day
  marts.fct_appointments: CASE WHEN status = 'showed' THEN starts_at END
Notes: A visit is a booking that has begun and is marked showed: no-shows, cancellations and bookings that nobody
  marked are none. A contact belongs to the cohort of its first known visit, by local month. Repeat rate = contacts
  with a second visit by the end of the month / contacts of the cohort; the second visit may be in the first month.
  Months without a visit have a row with zeros, so that means over rows are right. Compare cohorts at the same
  months_since: recent ones had less time to come back. Visits before the first month that was read are not known, so
  contacts of the first months may have been there before: is_first_months marks these cohorts. The current month
  still grows: is_month_over marks the others.
Audits:
  not null: location_id, cohort_month, months_since, is_first_months, is_month_over, is_too_few
  references: location_id -> marts.dim_location (location_id)
  range: months_since from 0
  range: contacts from 1
  range: active_contacts from 0
  range: retention_rate from 0 to 1
  range: repeat_rate from 0 to 1
  check parts_within_total: active_contacts <= contacts AND repeat_contacts <= contacts
Columns:
  cohort_month: First day of the month of the contacts' first visit.
  months_since: Months since cohort_month; 0 is the first month itself.
  is_first_months: Whether the cohort is of the first three calendar months with a booking in this location.
  is_month_over: Whether the month is over.
  contacts: Contacts in the cohort.
  active_contacts: Contacts of the cohort with a visit in this month.
  visits: Visits of these contacts in this month.
  repeat_contacts: Contacts of the cohort with a second visit by the end of this month.
  is_too_few: Whether there are fewer than 10 contacts, too few for a rate.
  retention_rate: active_contacts / contacts.
  retention_rate_low: Lower end of the rate's 95 % interval.
  retention_rate_high: Upper end of the rate's 95 % interval.
  repeat_rate: repeat_contacts / contacts.
  repeat_rate_low: Lower end of the rate's 95 % interval.
  repeat_rate_high: Upper end of the rate's 95 % interval.
*/
WITH months AS (
  -- Months as numbers, so that they can be subtracted.
  SELECT DISTINCT
    month,
    CAST(EXTRACT(YEAR FROM month) * 12 + EXTRACT(MONTH FROM month) AS INTEGER) AS month_number
  FROM marts.dim_date
), locations AS (
  SELECT
    location.location_id,
    current_month.month_number AS current_month_number,
    first_month.month_number AS first_month_number
  FROM marts.dim_location AS location
  JOIN (
    -- dim_date leaves out months that are decades away, such as that of a booking with a wrong year.
    SELECT bookings.location_id, MIN(bookings.local_month) AS month
    FROM marts.fct_appointments AS bookings
    JOIN months ON months.month = bookings.local_month
    WHERE bookings.is_booking
    GROUP BY bookings.location_id
  ) AS first_booking ON first_booking.location_id = location.location_id
  JOIN months AS first_month ON first_month.month = first_booking.month
  JOIN months AS current_month
    ON current_month.month = CAST(DATE_TRUNC('MONTH', $now AT TIME ZONE location.timezone) AS DATE)
), numbered_visits AS (
  SELECT
    visits.location_id,
    visits.contact_id,
    visits.local_month,
    MIN(visits.local_month) OVER (PARTITION BY visits.location_id, visits.contact_id) AS cohort_month,
    ROW_NUMBER() OVER (
      PARTITION BY visits.location_id, visits.contact_id ORDER BY visits.starts_at, visits.appointment_id
    ) AS visit_number
  FROM marts.fct_appointments AS visits
  JOIN months ON months.month = visits.local_month
  WHERE visits.is_booking AND visits.status = 'showed' AND visits.contact_id IS NOT NULL AND visits.starts_at <= $now
), monthly_counts AS (
  SELECT
    location_id,
    cohort_month,
    local_month,
    COUNT(DISTINCT contact_id) AS active_contacts,
    COUNT(*) AS visits,
    CAST(COUNT_IF(visit_number = 1) AS BIGINT) AS contacts,
    CAST(COUNT_IF(visit_number = 2) AS BIGINT) AS repeat_contacts
  FROM numbered_visits
  GROUP BY location_id, cohort_month, local_month
), cohorts AS (
  SELECT location_id, cohort_month, CAST(SUM(contacts) AS BIGINT) AS contacts
  FROM monthly_counts
  GROUP BY location_id, cohort_month
), grid AS (
  SELECT
    cohorts.location_id,
    cohorts.cohort_month,
    cohorts.contacts,
    months.month,
    months.month_number - cohort.month_number AS months_since,
    cohort.month_number - locations.first_month_number < 3 AS is_first_months,
    months.month_number < locations.current_month_number AS is_month_over
  FROM cohorts
  JOIN locations ON locations.location_id = cohorts.location_id
  JOIN months AS cohort ON cohort.month = cohorts.cohort_month
  JOIN months
    ON months.month_number >= cohort.month_number AND months.month_number <= locations.current_month_number
), cohort_months AS (
  SELECT
    grid.*,
    COALESCE(monthly_counts.active_contacts, 0) AS active_contacts,
    COALESCE(monthly_counts.visits, 0) AS visits,
    CAST(SUM(COALESCE(monthly_counts.repeat_contacts, 0)) OVER (
      PARTITION BY grid.location_id, grid.cohort_month ORDER BY grid.month
    ) AS BIGINT) AS repeat_contacts
  FROM grid
  LEFT JOIN monthly_counts
    ON monthly_counts.location_id = grid.location_id
    AND monthly_counts.cohort_month = grid.cohort_month
    AND monthly_counts.local_month = grid.month
)
SELECT
  location_id,
  cohort_month,
  months_since,
  is_first_months,
  is_month_over,
  contacts,
  active_contacts,
  visits,
  repeat_contacts,
  contacts < 10 AS is_too_few,
  CAST(active_contacts AS DOUBLE) / contacts AS retention_rate,
  WILSON_LOW(active_contacts, contacts) AS retention_rate_low,
  WILSON_HIGH(active_contacts, contacts) AS retention_rate_high,
  CAST(repeat_contacts AS DOUBLE) / contacts AS repeat_rate,
  WILSON_LOW(repeat_contacts, contacts) AS repeat_rate_low,
  WILSON_HIGH(repeat_contacts, contacts) AS repeat_rate_high
FROM cohort_months
