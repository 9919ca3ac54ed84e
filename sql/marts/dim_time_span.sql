/*
Grain: one row per group of durations.
Question: Which groups do reports put durations such as lead times into?
Key: time_span
Notes: Defines the bounds, labels and order of the groups. fct_appointments groups lead times by it, rpt_first_change
  groups the time from booking to first change. The groups cover every duration once; one group holds unknown
  durations.
Audits:
  not null: time_span, label
Columns:
  time_span: Number of the group; sorts groups from the shortest to the longest.
  label: Name of the group.
  from_hours: Lower bound in hours, inclusive; null if there is none, or if the duration is not known.
  to_hours: Upper bound in hours, exclusive; null if there is none, or if the duration is not known.
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
