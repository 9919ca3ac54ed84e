/*
Grain: one row per location, held-out month and band of predicted risk; also all months and all bands together.
Question: Can no-shows be predicted: of the bookings with a predicted risk of 20 to 30 %, how many were missed?
Key: location_id, local_month, risk_band
Clock:
  marts.fct_appointments: CASE WHEN status IN ('showed', 'noshow') THEN starts_at END
Notes: Each booking of a month is given the risk that the months before it suggest, and nothing later. The prediction is
  simple on purpose: the no-show rate of bookings with as many earlier no-shows of the contact (in earlier months; 0 to
  3 or more, or no known contact) and the same span of lead time. A group of few bookings is drawn to the location's
  average: (no-shows of the group + 50 x average) / (bookings of the group + 50). A month is held out if at least 10
  bookings before it are marked. Marks are those known now. Predictions are good if predicted_rate lies in the interval
  of noshow_rate in each band, and useful only if they beat the average: the Brier score is the mean squared difference
  between prediction and outcome (0 is perfect), average_brier_score is that of giving every booking of the month the
  location's average of the months before. score_gain is the difference of the two; verdict says whether its 95 %
  interval excludes 0. Where no-shows do not depend on lead time or earlier no-shows, the honest verdict is that
  nothing beats the average.
Audits:
  not null: location_id, risk_band, marked, noshow, predicted_rate, is_too_few, brier_score, average_brier_score, verdict
  references: location_id -> marts.dim_location (location_id)
  accepted: verdict in better than the average, no better than the average, worse than the average, too few
  range: marked from 1
  range: predicted_rate from 0 to 1
  range: noshow_rate from 0 to 1
  range: brier_score from 0 to 1
  range: average_brier_score from 0 to 1
Columns:
  local_month: First day of the held-out local month; null for all held-out months together.
  risk_band: The band of predicted risk: 0 to 5 %, 5 to 10 %, 10 to 15 %, 15 to 20 %, 20 to 30 %, 30 to 40 %, or 40 % or
    more; all for all bands together.
  marked: Bookings of the month and band marked showed or noshow.
  noshow: Of these, bookings that the contact missed.
  predicted_rate: The mean predicted risk of these bookings.
  noshow_rate: noshow / marked: what happened.
  noshow_rate_low: Lower end of the 95 % interval of noshow_rate.
  noshow_rate_high: Upper end of the 95 % interval of noshow_rate.
  is_too_few: Whether fewer than 10 bookings are marked, too few for a rate.
  brier_score: Mean squared difference between the prediction and the outcome; lower is better.
  average_brier_score: The same if every booking is given the location's average of the months before.
  score_gain: average_brier_score - brier_score; above 0 if the prediction was closer.
  score_gain_low: Lower end of the 95 % interval of score_gain; null for fewer than 10 bookings.
  score_gain_high: Upper end of the 95 % interval of score_gain; null for fewer than 10 bookings.
  verdict: better than the average, no better than the average (the interval of score_gain contains 0), worse than the
    average, or too few.
*/
WITH bookings AS (
  SELECT
    location_id,
    local_month,
    contact_id,
    lead_time_span,
    CASE WHEN status = 'noshow' THEN 1 ELSE 0 END AS is_noshow
  FROM marts.fct_appointments
  WHERE is_booking AND status IN ('showed', 'noshow') AND starts_at <= $now AND local_month IS NOT NULL
), contact_months AS (
  SELECT location_id, contact_id, local_month, CAST(SUM(is_noshow) AS BIGINT) AS noshow
  FROM bookings
  WHERE contact_id IS NOT NULL
  GROUP BY location_id, contact_id, local_month
), contact_history AS (
  SELECT
    location_id,
    contact_id,
    local_month,
    COALESCE(SUM(noshow) OVER (
      PARTITION BY location_id, contact_id ORDER BY local_month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS prior_noshows
  FROM contact_months
), group_months AS (
  -- A group: -1 is for bookings without a known contact. LEAST ignores nulls.
  SELECT
    bookings.location_id,
    bookings.local_month,
    CAST(CASE WHEN history.prior_noshows IS NULL THEN -1 ELSE LEAST(history.prior_noshows, 3) END AS INTEGER)
      AS prior_noshows,
    bookings.lead_time_span,
    COUNT(*) AS marked,
    CAST(SUM(bookings.is_noshow) AS BIGINT) AS noshow
  FROM bookings
  LEFT JOIN contact_history AS history
    ON history.location_id = bookings.location_id
    AND history.contact_id = bookings.contact_id
    AND history.local_month = bookings.local_month
  GROUP BY
    bookings.location_id,
    bookings.local_month,
    CAST(CASE WHEN history.prior_noshows IS NULL THEN -1 ELSE LEAST(history.prior_noshows, 3) END AS INTEGER),
    bookings.lead_time_span
), location_months AS (
  SELECT location_id, local_month, SUM(marked) AS marked, SUM(noshow) AS noshow
  FROM group_months
  GROUP BY location_id, local_month
), averages AS (
  SELECT
    location_id,
    local_month,
    SUM(marked) OVER (
      PARTITION BY location_id ORDER BY local_month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS marked_before,
    SUM(noshow) OVER (
      PARTITION BY location_id ORDER BY local_month ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS noshow_before
  FROM location_months
), group_history AS (
  SELECT
    *,
    COALESCE(SUM(marked) OVER (
      PARTITION BY location_id, prior_noshows, lead_time_span ORDER BY local_month
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS marked_before,
    COALESCE(SUM(noshow) OVER (
      PARTITION BY location_id, prior_noshows, lead_time_span ORDER BY local_month
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS noshow_before
  FROM group_months
), predictions AS (
  SELECT
    history.location_id,
    history.local_month,
    history.marked,
    history.noshow,
    CAST(averages.noshow_before AS DOUBLE) / averages.marked_before AS average,
    (history.noshow_before + 50 * CAST(averages.noshow_before AS DOUBLE) / averages.marked_before)
      / (history.marked_before + 50) AS risk
  FROM group_history AS history
  JOIN averages ON averages.location_id = history.location_id AND averages.local_month = history.local_month
  WHERE averages.marked_before >= 10
), bands AS (
  SELECT band, CAST(from_risk AS DOUBLE) AS from_risk, CAST(to_risk AS DOUBLE) AS to_risk
  FROM (
    VALUES
      ('0 to 5 %', 0, 0.05),
      ('5 to 10 %', 0.05, 0.1),
      ('10 to 15 %', 0.1, 0.15),
      ('15 to 20 %', 0.15, 0.2),
      ('20 to 30 %', 0.2, 0.3),
      ('30 to 40 %', 0.3, 0.4),
      ('40 % or more', 0.4, 2)
  ) AS band_values (band, from_risk, to_risk)
), scored AS (
  -- Squared differences to the outcomes, 1 for a no-show; the gain of a booking is the difference of the two.
  SELECT
    predictions.*,
    bands.band,
    (average - 1) * (average - 1) - (risk - 1) * (risk - 1) AS gain_of_noshow,
    average * average - risk * risk AS gain_of_showed
  FROM predictions
  JOIN bands ON predictions.risk >= bands.from_risk AND predictions.risk < bands.to_risk
), totals AS (
  SELECT by_month, by_band
  FROM (VALUES (TRUE, TRUE), (TRUE, FALSE), (FALSE, TRUE), (FALSE, FALSE)) AS total_values (by_month, by_band)
), groups AS (
  -- Each booking counts four times: in its band, in all bands, and both again over all months.
  SELECT
    scored.location_id,
    CASE WHEN totals.by_month THEN scored.local_month END AS local_month,
    CASE WHEN totals.by_band THEN scored.band ELSE 'all' END AS risk_band,
    scored.marked,
    scored.noshow,
    scored.risk,
    scored.average,
    scored.gain_of_noshow,
    scored.gain_of_showed
  FROM scored
  CROSS JOIN totals
), sums AS (
  SELECT
    location_id,
    local_month,
    risk_band,
    CAST(SUM(marked) AS BIGINT) AS marked,
    CAST(SUM(noshow) AS BIGINT) AS noshow,
    SUM(marked * risk) AS expected_noshow,
    SUM(noshow * (risk - 1) * (risk - 1) + (marked - noshow) * risk * risk) AS squares,
    SUM(noshow * (average - 1) * (average - 1) + (marked - noshow) * average * average) AS average_squares,
    SUM(noshow * gain_of_noshow + (marked - noshow) * gain_of_showed) AS gain,
    SUM(noshow * gain_of_noshow * gain_of_noshow + (marked - noshow) * gain_of_showed * gain_of_showed) AS gain_squares
  FROM groups
  GROUP BY location_id, local_month, risk_band
), scores AS (
  SELECT
    *,
    gain / marked AS score_gain,
    -- 1.959964 standard errors of the mean gain. Rounding could make the variance negative.
    CASE
      WHEN marked >= 10
        THEN 1.959964 * SQRT(GREATEST(gain_squares / marked - (gain / marked) * (gain / marked), 0) / (marked - 1))
    END AS margin
  FROM sums
)
SELECT
  location_id,
  local_month,
  risk_band,
  marked,
  noshow,
  expected_noshow / marked AS predicted_rate,
  CAST(noshow AS DOUBLE) / marked AS noshow_rate,
  WILSON_LOW(noshow, marked) AS noshow_rate_low,
  WILSON_HIGH(noshow, marked) AS noshow_rate_high,
  marked < 10 AS is_too_few,
  squares / marked AS brier_score,
  average_squares / marked AS average_brier_score,
  score_gain,
  score_gain - margin AS score_gain_low,
  score_gain + margin AS score_gain_high,
  CASE
    WHEN marked < 10 THEN 'too few'
    WHEN score_gain - margin > 0 THEN 'better than the average'
    WHEN score_gain + margin < 0 THEN 'worse than the average'
    ELSE 'no better than the average'
  END AS verdict
FROM scores
