// Statistics: which differences are more than chance. In: counts. Out: rates with 95 % intervals, and comparisons.
const Z = 1.959964;

const ratio = (part, whole) => (whole ? part / whole : null);

/** The 95 % Wilson interval of part ÷ whole, both of which may be hours. */
function wilson(part, whole) {
  const share = part / whole;
  const middle = share + (Z * Z) / (2 * whole);
  const reach = Z * Math.sqrt((share * (1 - share)) / whole + (Z * Z) / (4 * whole * whole));
  const size = 1 + (Z * Z) / whole;
  return [Math.max(0, (middle - reach) / size), Math.min(1, (middle + reach) / size)];
}

/** A rate with its counts and its interval. Without a whole, value, low and high are null. */
function rateOf(part, whole) {
  const [low, high] = whole ? wilson(part, whole) : [null, null];
  return {part, whole, value: ratio(part, whole), low, high, isTooFew: whole < FEWEST};
}

/** Whether two rates differ by more than chance: Newcombe's interval of their difference leaves out zero. */
function isRateChanged(now, before) {
  if (now.isTooFew || before.isTooFew) return false;
  const moved = now.value - before.value;
  const low = moved - Math.hypot(now.value - now.low, before.high - before.value);
  const high = moved + Math.hypot(now.high - now.value, before.value - before.low);
  return low > 0 || high < 0;
}

/** Whether two counts of equally long times differ by more than chance, if each event comes by itself (Poisson). */
function isCountChanged(now, before) {
  if (now + before < FEWEST) return false;
  const [low, high] = wilson(now, now + before);
  return low > 0.5 || high < 0.5;
}

/** Whether the mean of paired values changed by more than chance: a paired t-interval leaves out zero. */
function isMeanChanged(now, before) {
  const moved = now
    .map((value, place) => [value, before[place]])
    .filter(([a, b]) => a !== null && (b ?? null) !== null);
  const differences = moved.map(([a, b]) => a - b);
  const size = differences.length;
  if (size < 7) return false;
  const mean = differences.reduce((sum, each) => sum + each, 0) / size;
  const variance = differences.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (size - 1);
  const free = size - 1;
  const t = Z + 2.37 / free + 2.8 / (free * free); // within 1 % of the t-distribution's quantile from 6 degrees on
  return Math.abs(mean) > t * Math.sqrt(variance / size);
}

/** The one item with the highest rate, if its interval is above the intervals of all others; else null. */
function clearlyHighest(items, rate) {
  const known = items.filter((item) => !rate(item).isTooFew);
  if (known.length < 2) return null;
  const top = known.reduce((best, item) => (rate(item).value > rate(best).value ? item : best));
  return known.every((item) => item === top || rate(item).high < rate(top).low) ? top : null;
}

/** The one item with the most, if it has more than each other by more than chance; else null. */
function clearlyMost(items, size) {
  if (items.length < 2) return null;
  const top = items.reduce((best, item) => (size(item) > size(best) ? item : best));
  return items.every((item) => item === top || isCountChanged(size(top), size(item))) ? top : null;
}
