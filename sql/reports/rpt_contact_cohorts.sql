/*
Grain: one row per location, month of the contacts' first booking and month in which any of them had a booking.
Question: How many contacts come back, and after how many months?
Key: location_id, cohort_month, months_since
Notes: Counts bookings that have begun and are neither cancelled nor invalid; no-shows count. A contact belongs to the
  cohort of its first such booking, by local month, as far back as appointments were read. Repeat rate = contacts with
  a second booking by the end of the month / contacts of the cohort; the second booking may be in the first month.
  Recent cohorts had little time to come back, so compare cohorts at the same months_since.
Audits:
  not null: location_id, cohort_month, months_since
  references: location_id -> marts.dim_location (location_id)
  range: months_since from 0
  range: active_contacts from 1
  range: retention_rate from 0 to 1
  range: repeat_rate from 0 to 1
  check parts_within_total: active_contacts <= contacts AND repeat_contacts <= contacts
Columns:
  cohort_month: First day of the month of the contacts' first booking.
  months_since: Months since cohort_month; 0 is the first month itself.
  contacts: Contacts in the cohort.
  active_contacts: Contacts of the cohort with a booking in this month.
  bookings: Bookings of these contacts in this month.
  repeat_contacts: Contacts of the cohort with a second booking by the end of this month.
  retention_rate: active_contacts / contacts.
  repeat_rate: repeat_contacts / contacts.
*/
WITH numbered_bookings AS (
  SELECT
    location_id,
    contact_id,
    local_month,
    MIN(local_month) OVER (PARTITION BY location_id, contact_id) AS cohort_month,
    ROW_NUMBER() OVER (PARTITION BY location_id, contact_id ORDER BY starts_at, appointment_id) AS booking_number
  FROM marts.fct_appointments
  WHERE is_expected AND starts_at <= $now
), monthly_counts AS (
  SELECT
    location_id,
    cohort_month,
    local_month,
    COUNT(DISTINCT contact_id) AS active_contacts,
    COUNT(*) AS bookings,
    CAST(COUNT_IF(booking_number = 1) AS BIGINT) AS contacts,
    CAST(COUNT_IF(booking_number = 2) AS BIGINT) AS repeat_contacts
  FROM numbered_bookings
  GROUP BY location_id, cohort_month, local_month
), cohort_months AS (
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
    CAST(
      SUM(repeat_contacts) OVER (PARTITION BY location_id, cohort_month ORDER BY local_month) AS BIGINT
    ) AS repeat_contacts
  FROM monthly_counts
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
FROM cohort_months
