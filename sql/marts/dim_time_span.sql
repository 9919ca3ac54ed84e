/*
Grain: one row per stretch of time that reports count by.
Question: How are lengths of time, such as the lead time of a booking, put into groups?
Key: time_span
Notes: The one place that says what the groups are called and in which order they stand. fct_appointments puts each
  booking into one by its lead time, rpt_first_change by the time to its first change; an audit holds them to the bounds.
Audits:
  not null: time_span, label
Columns:
  time_span: The group; also its place in the order, from the shortest on.
  label: Its name.
  from_hours: From here on, in hours; null for the first and for what is not known.
  to_hours: Up to here, exclusive, in hours; null for the last and for what is not known.
*/
SELECT
  time_span,
  label,
  CAST(from_hours AS BIGINT) AS from_hours,
  CAST(to_hours AS BIGINT) AS to_hours
FROM (
  VALUES
    (0, 'afterwards', NULL, 0),
    (1, 'under 1 hour', 0, 1),
    (2, '1 to 4 hours', 1, 4),
    (3, '4 to 24 hours', 4, 24),
    (4, '1 to 3 days', 24, 72),
    (5, '3 to 7 days', 72, 168),
    (6, '1 to 2 weeks', 168, 336),
    (7, '2 to 4 weeks', 336, 672),
    (8, '4 weeks or more', 672, NULL),
    (9, 'not known', NULL, NULL)
) AS spans (time_span, label, from_hours, to_hours)
