// Periods: the fixed ones, calendar months and own ranges of dates. In: the report's day. Out: periods as half-open
// ranges of days.
//
// A fixed period counts each location's own days: day 0 is its own today. A month or an own range is `dated`: it counts
// from the earliest today of all locations.
const DAY = 86400000;
const daysBetween = (one, other) => Math.round((Date.parse(other) - Date.parse(one)) / DAY);
const plusDays = (iso, days) => new Date(Date.parse(iso) + days * DAY).toISOString().slice(0, 10);

const TODAY = DATA.locations.map((each) => each.today).sort()[0] ?? DATA.today;
/** Days by which each location's today is later than TODAY. */
const SHIFTS = DATA.locations.map((each) => daysBetween(TODAY, each.today));
/** The first day that the page holds. */
const OLDEST = -2 * DATA.periods.at(-1);

/** Bars show weeks if a period has too many days for its days to be told apart. */
const grainOf = (days) => (days > 62 ? 7 : 1);

const PERIODS = [
  ...DATA.periods.map((days) => ({
    id: `last-${days}`,
    name: days < 28 ? `${days} days` : days < 364 ? `${days / 7} weeks` : "12 months",
    words: days < 364 ? `the last ${days} days` : "the last 52 weeks",
    ...pastRange(-days, 0, false),
  })),
  {
    id: "next",
    name: `Next ${DATA.ahead / 7} weeks`,
    words: `the next ${DATA.ahead} days, including today`,
    ...aheadRange(0, DATA.ahead, false),
  },
];

/** A range that is over, with the same number of days before it. */
function pastRange(from, to, dated) {
  const days = to - from;
  const before = {from: from - days, to: from, dated};
  return {days, range: {from, to, dated}, before, isAhead: false, grain: grainOf(days)};
}

function aheadRange(from, to, dated) {
  return {days: to - from, range: {from, to, dated}, before: null, isAhead: true, grain: grainOf(to - from)};
}

/** The first day of the months and own ranges: with bookings, and held by the page. */
const FIRST = Math.max(OLDEST, Math.min(0, ...DATA.combos.map((combo) => combo[3] ?? 0)));
const FIRST_DAY = plusDays(TODAY, FIRST);
const LAST_DAY = plusDays(TODAY, DATA.ahead - 1);

/** The months with past days, newest first, as 2026-11. */
const MONTHS = [];
for (let month = plusDays(TODAY, -1).slice(0, 7); FIRST < 0 && month >= FIRST_DAY.slice(0, 7);) {
  MONTHS.push(month);
  month = plusDays(`${month}-01`, -1).slice(0, 7);
}

/** A period of dates, both inclusive. It ends yesterday or begins today: what is to come is not mixed with what was. */
function datedPeriod(id, name, first, last) {
  const isAhead = first >= TODAY;
  const from = Math.max(FIRST, daysBetween(TODAY, first));
  const to = Math.min(isAhead ? DATA.ahead : 0, daysBetween(TODAY, last) + 1);
  if (!(from < to)) return null;
  return {id, name, words: name, ...(isAhead ? aheadRange(from, to, true) : pastRange(from, to, true))};
}

/** The period that an id in the address names: last-28, next, 2026-11 or 2026-10-05..2026-11-02. Null if it is none. */
function periodOf(id) {
  const fixed = PERIODS.find((each) => each.id === id);
  if (fixed) return fixed;
  if (MONTHS.includes(id)) {
    const next = plusDays(plusDays(`${id}-01`, 31).slice(0, 7) + "-01", -1);
    return datedPeriod(id, monthWords(id), `${id}-01`, next);
  }
  const [, first, last] = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(id ?? "") ?? [];
  if (!first || Number.isNaN(Date.parse(first)) || Number.isNaN(Date.parse(last)) || first > last) return null;
  return datedPeriod(id, `${dayWords(first)} to ${dayWords(last)}`, first, last);
}

/** The ISO date of a day, for fixed periods in the time zone of the scope's first location. */
function dayOf(day, scope, dated) {
  const combo = dated ? null : DATA.combos[Math.max(0, scope.combos.indexOf(true))];
  return plusDays(combo ? DATA.locations[combo[0]].today : TODAY, day);
}

const WEEKDAYS_TODAY = DATA.locations.map((each) => new Date(each.today).getUTCDay() || 7);
/** The ISO weekday of a location's day: 1 is Monday. */
const weekdayOf = (place, day) => ((((WEEKDAYS_TODAY[place] - 1 + day) % 7) + 7) % 7) + 1;
