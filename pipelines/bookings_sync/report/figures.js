// Figures: filters and sums the counts. In: the page's embedded data, gzipped JSON. Out: objects of counts and rates.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

if (!("DecompressionStream" in window))
  document.getElementById("banner").textContent = "This page needs a browser from 2023 or later.";
const DATA = JSON.parse(await unpacked(document.getElementById("figures").textContent));
const DAY = 86400000;

/** Periods as half-open ranges of ages. Age 0 is each location's own today. */
const PERIODS = [
  ...DATA.periods.map((days) => ({
    id: `last-${days}`,
    days,
    range: [-days, 0],
    before: [-2 * days, -days],
    grain: days > 28 ? 7 : 1,
    name: days < 28 ? `${days} days` : days < 364 ? `${days / 7} weeks` : "12 months",
    words: days < 364 ? `the last ${days} days` : "the last 52 weeks",
  })),
  {
    id: "next",
    days: DATA.ahead,
    range: [0, DATA.ahead],
    before: null,
    grain: 1,
    name: `Next ${DATA.ahead / 7} weeks`,
    words: `the next ${DATA.ahead} days, including today`,
  },
];

const ratio = (part, whole) => (whole ? part / whole : null);

/** One flag for each combo: whether the choice includes it. An empty filter includes all. */
function chosenBy({location, team, service}) {
  return DATA.combos.map(
    ([inLocation, inTeam, ofService]) =>
      (!location || DATA.locations[inLocation].name === location) &&
      (!team || DATA.teams[inTeam] === team) &&
      (!service || DATA.services[ofService] === service),
  );
}

/** Sums a table's counts over chosen combos and ages, grouped by `keyOf(row, at)`; `at` maps a column to its index. */
function sums(table, chosen, [from, to], keyOf = () => "") {
  const at = Object.fromEntries(table.columns.map((name, place) => [name, place]));
  const groups = new Map();
  for (const row of table.rows) {
    if (!chosen[row[0]] || row[1] < from || row[1] >= to) continue;
    const key = keyOf(row, at);
    let group = groups.get(key);
    if (!group) groups.set(key, (group = new Array(row.length).fill(0)));
    for (let place = 2; place < row.length; place++) group[place] += row[place];
  }
  const named = (group) => Object.fromEntries(table.columns.slice(2).map((name) => [name, group[at[name]]]));
  return new Map([...groups].map(([key, group]) => [key, named(group)]));
}

const NO_BOOKINGS = {showed: 0, noshow: 0, cancelled: 0, invalid: 0, open: 0, rescheduled: 0, minutes: 0};
const NO_SEATS = {booked_minutes: 0, free_minutes: 0};
const NO_STAFF = {booked_minutes: 0, available_minutes: 0};
const NO_DAYS = {days: 0, known: 0};

/** Totals and rates of counts. A rate without a denominator is null. */
function measured(counts = NO_BOOKINGS, seats = NO_SEATS, days = NO_DAYS, staff = NO_STAFF) {
  const bookings = counts.showed + counts.noshow + counts.cancelled + counts.invalid + counts.open;
  return {
    ...counts,
    bookings,
    lost: counts.cancelled + counts.invalid,
    kept: bookings - counts.cancelled - counts.invalid,
    marked: counts.showed + counts.noshow,
    hours: counts.minutes / 60,
    seatHours: seats.booked_minutes / 60,
    allSeatHours: (seats.booked_minutes + seats.free_minutes) / 60,
    staffHours: staff.booked_minutes / 60,
    availableHours: staff.available_minutes / 60,
    slotDays: days.days,
    knownDays: days.known,
    showRate: ratio(counts.showed, counts.showed + counts.noshow),
    cancellationRate: ratio(counts.cancelled, bookings),
    openRate: ratio(counts.open, bookings),
    seatUtilisation: ratio(seats.booked_minutes, seats.booked_minutes + seats.free_minutes),
    staffUtilisation: ratio(staff.booked_minutes, staff.available_minutes),
  };
}

/** One flag for each location: whether the choice includes it. */
const chosenPlaces = ({location}) => DATA.locations.map((each) => !location || each.name === location);

/** Whether the choice includes all services of its locations: the time of people cannot be split by service. */
const isWholeStaff = ({team, service}) => !team && !service;

/** Measures by group. `keyOf` is as in `sums`, and reads only the combo. With `placeOf`, which groups locations instead
 * of combos, they include the time of people. */
function measures(chosen, range, keyOf, placeOf) {
  const counts = sums(DATA.days, chosen, range, keyOf);
  const seats = sums(DATA.seats, chosen, range, keyOf);
  const days = sums(DATA.slot_days, chosen, range, keyOf);
  const staff = placeOf && isWholeStaff(choice) ? sums(DATA.staff, chosenPlaces(choice), range, placeOf) : new Map();
  const keys = new Set([...counts.keys(), ...seats.keys(), ...days.keys(), ...staff.keys()]);
  return new Map(
    [...keys].map((key) => [key, measured(counts.get(key), seats.get(key), days.get(key), staff.get(key))]),
  );
}

const all = () => "";
const total = (chosen, range) => measures(chosen, range, all, all).get("") ?? measured();

/** The period's bins in order (days, or seven days each), each with its measures and its first and last day. */
function bins(chosen, period) {
  const [from, to] = period.range;
  const start = (age) => from + Math.floor((age - from) / period.grain) * period.grain;
  const counts = sums(DATA.days, chosen, period.range, (row) => start(row[1]));
  const found = [];
  for (let age = from; age < to; age += period.grain)
    found.push({
      age,
      day: dayOf(age, chosen),
      last: dayOf(age + period.grain - 1, chosen),
      ...measured(counts.get(age)),
    });
  return found;
}

/** The ISO date of an age, in the time zone of the first chosen location. */
function dayOf(age, chosen) {
  const combo = DATA.combos[Math.max(0, chosen.indexOf(true))];
  const today = combo ? DATA.locations[combo[0]].today : DATA.today;
  return new Date(Date.parse(today) + age * DAY).toISOString().slice(0, 10);
}

/** Whether any chosen combo has bookings that reach back to an age. */
const reaches = (chosen, age) =>
  DATA.combos.some((combo, place) => chosen[place] && combo[3] !== null && combo[3] <= age);
