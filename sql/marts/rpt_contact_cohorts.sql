/*
Grain: one row per location, month of contacts' first booking and month since in which any of them had a booking.
Question: How many contacts come back, and when?
Key: location_id, cohort_month, months_since
Notes: Bookings that have begun, those cancelled or invalid left out: a no-show was meant to come. A contact's cohort is the
  month of the first of them, on the location's clock, as far as history is read. Repeat rate = contacts who had
  booked again by then / contacts of the cohort; a contact may book again within the first month. The newest cohorts have
  had little time: compare cohorts at the same months_since.
Audits:
  not null: location_id, cohort_month, months_since
  references: location_id -> marts.dim_location (location_id)
  range: months_since from 0
  range: active_contacts from 1
  range: retention_rate from 0 to 1
  range: repeat_rate from 0 to 1
  check parts_are_no_more_than_the_whole: active_contacts <= contacts AND repeat_contacts <= contacts
Columns:
  location_id: The location (tenant).
  cohort_month: First day of the month of the contacts' first booking.
  months_since: Months from then on; 0 is that month itself.
  contacts: Contacts of the cohort.
  active_contacts: Of these, those with a booking in this month.
  bookings: Their bookings in this month.
  repeat_contacts: Contacts of the cohort with a second booking by the end of this month.
  retention_rate: active_contacts / contacts.
  repeat_rate: repeat_contacts / contacts.
*/
WITH visits AS (
  SELECT
    location_id,
    contact_id,
    local_month,
    MIN(local_month) OVER (PARTITION BY location_id, contact_id) AS cohort_month,
    ROW_NUMBER() OVER (PARTITION BY location_id, contact_id ORDER BY starts_at, appointment_id) AS visit
  FROM marts.fct_appointments
  WHERE is_booking AND status NOT IN ('cancelled', 'invalid') AND starts_at <= $now
), monthly AS (
  SELECT
    location_id,
    cohort_month,
    local_month,
    COUNT(DISTINCT contact_id) AS active_contacts,
    COUNT(*) AS bookings,
    CAST(COUNT_IF(visit = 1) AS BIGINT) AS contacts,
    CAST(COUNT_IF(visit = 2) AS BIGINT) AS repeat_contacts
  FROM visits
  GROUP BY location_id, cohort_month, local_month
), summed AS (
  SELECT
    location_id,
    cohort_month,
    CAST(
      (EXTRACT(YEAR FROM local_month) - EXTRACT(YEAR FROM cohort_month)) * 12
      + EXTRACT(MONTH FROM local_month) - EXTRACT(MONTH FROM cohort_month) AS INTEGER
    ) AS months_since,
    CAST(SUM(contacts) OVER (PARTITION BY location_id, cohort_month) AS BIGINT) AS contacts,
    active_contacts,
    bookings,
    CAST(SUM(repeat_contacts) OVER (PARTITION BY location_id, cohort_month ORDER BY local_month) AS BIGINT) AS repeat_contacts
  FROM monthly
)
SELECT
  location_id,
  cohort_month,
  months_since,
  contacts,
  active_contacts,
  bookings,
  repeat_contacts,
  CAST(active_contacts AS DOUBLE) / contacts AS retention_rate,
  CAST(repeat_contacts AS DOUBLE) / contacts AS repeat_rate
FROM summed
