/*
Grain: one row per day.
Question: Which days are there, including days without appointments?
Key: date
Clock: day
Notes: Join to this table to keep days without appointments in a chart. It covers every day from the first to the last
  appointment, includes today, and adds one day at each end because local days differ between time zones. It is
  limited to the last 20 and the next 5 years, so that an appointment with a wrong year does not add centuries.
Audits:
  not null: date, week, month, weekday
  range: weekday from 1 to 7
Columns:
  date: The day.
  week: Monday of its week.
  month: First day of its month.
  quarter: First day of its quarter.
  year: Its year.
  weekday: Day of the week, 1 Monday to 7 Sunday.
  weekday_name: Monday to Sunday.
  is_weekend: Whether it is a Saturday or a Sunday.
*/
WITH digits AS (
  SELECT digit FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS digit_values (digit)
), numbers AS (
  SELECT ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit AS number
  FROM digits AS ones
  CROSS JOIN digits AS tens
  CROSS JOIN digits AS hundreds
  CROSS JOIN digits AS thousands
), today AS (
  SELECT CAST($now AT TIME ZONE 'UTC' AS DATE) AS date
), date_range AS (
  SELECT
    GREATEST(LEAST(COALESCE(MIN(CAST(starts_at AT TIME ZONE 'UTC' AS DATE)), MIN(today.date)), MIN(today.date)) - 1,
      MIN(today.date) - 7305) AS first_date,
    LEAST(GREATEST(COALESCE(MAX(CAST(starts_at AT TIME ZONE 'UTC' AS DATE)), MAX(today.date)), MAX(today.date)) + 1,
      MAX(today.date) + 1827) AS last_date
  FROM today
  LEFT JOIN staging.stg_appointments AS appointments ON appointments.starts_at IS NOT NULL
), days AS (
  SELECT date_range.first_date + numbers.number AS date
  FROM date_range
  CROSS JOIN numbers
  WHERE date_range.first_date + numbers.number <= date_range.last_date
), day_parts AS (
  SELECT
    date,
    CAST(EXTRACT(YEAR FROM date) AS INTEGER) AS year,
    CAST(EXTRACT(ISODOW FROM date) AS INTEGER) AS weekday
  FROM days
)
SELECT
  date,
  date - (weekday - 1) AS week,
  CAST(DATE_TRUNC('MONTH', date) AS DATE) AS month,
  CAST(DATE_TRUNC('QUARTER', date) AS DATE) AS quarter,
  year,
  weekday,
  CASE weekday
    WHEN 1 THEN 'Monday'
    WHEN 2 THEN 'Tuesday'
    WHEN 3 THEN 'Wednesday'
    WHEN 4 THEN 'Thursday'
    WHEN 5 THEN 'Friday'
    WHEN 6 THEN 'Saturday'
    WHEN 7 THEN 'Sunday'
  END AS weekday_name,
  weekday >= 6 AS is_weekend
FROM day_parts
