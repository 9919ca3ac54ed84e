// Figures: filters and sums the counts. In: the page's embedded data, gzipped JSON. Out: objects of counts and rates.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

if (!("DecompressionStream" in window))
  document.getElementById("banner").textContent = "This page needs a browser from 2023 or later.";
const DATA = JSON.parse(await unpacked(document.getElementById("figures").textContent));

/** With fewer bookings a rate says nothing, as in rpt_show_rate.is_too_few. */
const FEWEST = DATA.too_few;

const KEYS = new Set(["combo", "location", "age", "member", "source", "span", "hour", "days_after", "change", "risk"]);

/** A table of counts with one typed array per column. The first two columns are packed as differences from row to row. */
function counted({columns, values}) {
  const table = {at: {}, size: values[0].length, measures: columns.filter((name) => !KEYS.has(name))};
  columns.forEach((name, place) => {
    const column = Int32Array.from(values[place]);
    if (place < 2) for (let row = 1; row < column.length; row++) column[row] += column[row - 1];
    table.at[name] = column;
  });
  return table;
}
const TABLES = Object.fromEntries(
  ["bookings", "hours", "staff", "seats", "slot_days", "known"].map((name) => [name, counted(DATA[name])]),
);

/** The scope of a choice: one flag for each combo, location, member and source. Null means that all are included. */
function scopeOf({location, team, service, member, source}) {
  const members = member ? MEMBERS.map((name) => name === member) : null;
  return {
    combos: DATA.combos.map(
      ([inLocation, inTeam, ofService]) =>
        (!location || DATA.locations[inLocation].name === location) &&
        (!team || DATA.teams[inTeam] === team) &&
        (!service || DATA.services[ofService] === service),
    ),
    places: DATA.locations.map(
      (each, place) =>
        (!location || each.name === location) &&
        (!members || DATA.members.some(([at], one) => members[one] && at === place)),
    ),
    members,
    sources: source ? DATA.sources.map((name) => name === source) : null,
  };
}

/** The members' names. With several locations, each with its location: two may have a Member 1 or an Ann. */
const MEMBERS = DATA.members.map(([place, label]) =>
  DATA.locations.length > 1 ? `${label} · ${DATA.locations[place].name}` : label,
);

/** One flag for each row: whether the scope and the range of ages include it. */
function included(table, scope, {from, to, dated}) {
  const {combo, member, source, age, days_after: after} = table.at;
  const placeOf = combo ? (row) => DATA.combos[combo[row]][0] : (row) => DATA.members[member[row]][0];
  const days = after ?? age;
  const shifts = dated && age ? SHIFTS : null;
  return (row) => {
    if (days) {
      const day = shifts ? days[row] + shifts[placeOf(row)] : days[row];
      if (day < from || day >= to) return false;
    }
    if (combo ? !scope.combos[combo[row]] : !scope.places[placeOf(row)]) return false;
    if (member && scope.members && !scope.members[member[row]]) return false;
    return !(source && scope.sources && !scope.sources[source[row]]);
  };
}

const all = () => "";

/** Sums a table's counts over a scope and a range, grouped by `keyOf(row, columns)`. */
function sums(table, scope, range, keyOf = all) {
  const isIn = included(table, scope, range);
  const columns = table.measures.map((name) => table.at[name]);
  const groups = new Map();
  for (let row = 0; row < table.size; row++) {
    if (!isIn(row)) continue;
    const key = keyOf(row, table.at);
    let group = groups.get(key);
    if (!group) groups.set(key, (group = new Float64Array(columns.length)));
    for (let place = 0; place < columns.length; place++) group[place] += columns[place][row];
  }
  const named = (group) => Object.fromEntries(table.measures.map((name, place) => [name, group[place]]));
  return new Map([...groups].map(([key, group]) => [key, named(group)]));
}

const NO_BOOKINGS = {showed: 0, noshow: 0, cancelled: 0, invalid: 0, open: 0, rescheduled: 0, minutes: 0};
const NO_SEATS = {booked_minutes: 0, free_minutes: 0};
const NO_STAFF = {booked_minutes: 0, available_minutes: 0};
const NO_DAYS = {days: 0, known: 0};

/** A metric's numerator and denominator: the sums of the columns that the catalogue names. */
function partsOf(metric, counts) {
  const sum = (columns) => columns.reduce((total, name) => total + counts[name], 0);
  return [sum(DATA.metrics[metric].numerator), sum(DATA.metrics[metric].denominator)];
}

/** Totals and rates of counts. */
function measured(counts = NO_BOOKINGS, seats = NO_SEATS, days = NO_DAYS, staff = NO_STAFF) {
  const bookings = counts.showed + counts.noshow + counts.cancelled + counts.invalid + counts.open;
  const marked = counts.showed + counts.noshow;
  return {
    ...counts,
    bookings,
    marked,
    lost: counts.cancelled + counts.invalid,
    expected: bookings - counts.cancelled - counts.invalid,
    hours: counts.minutes / 60,
    seatHours: seats.booked_minutes / 60,
    allSeatHours: (seats.booked_minutes + seats.free_minutes) / 60,
    staffHours: staff.booked_minutes / 60,
    availableHours: staff.available_minutes / 60,
    slotDays: days.days,
    knownDays: days.known,
    showRate: rateOf(...partsOf("show_rate", counts)),
    noshowRate: rateOf(...partsOf("noshow_rate", counts)),
    cancellationRate: rateOf(...partsOf("cancellation_rate", counts)),
    openRate: ratio(...partsOf("unmarked_share", counts)),
    seatUtilisation: ratio(...partsOf("seat_utilisation", seats)),
    staffUtilisation: ratio(...partsOf("staff_utilisation", staff)),
  };
}

/** Whether the choice includes all services of its locations: people's time is not known by team or service. */
const isWholeStaff = ({team, service}) => !team && !service;
/** Whether people's time can be split by the choice: it is not known by source either. */
const isStaffKnown = ({team, service, source}) => !team && !service && !source;
/** Whether seats can be split by the choice: they are not known by member or source. */
const areSeatsKnown = ({member, source}) => !member && !source;

/** Measures by group. `keys` has a key for a combo, and if they are to be counted for a member and a row of bookings. */
function measures(scope, range, keys) {
  const byCombo = (row, at) => keys.combo(DATA.combos[at.combo[row]]);
  const counts = sums(TABLES.bookings, scope, range, keys.row ?? byCombo);
  const none = new Map();
  const seats = keys.combo && areSeatsKnown(choice) ? sums(TABLES.seats, scope, range, byCombo) : none;
  const days = keys.combo && areSeatsKnown(choice) ? sums(TABLES.slot_days, scope, range, byCombo) : none;
  const staff =
    keys.member && isStaffKnown(choice)
      ? sums(TABLES.staff, scope, range, (row, at) => keys.member(at.member[row]))
      : none;
  const found = new Set([...counts.keys(), ...seats.keys(), ...days.keys(), ...staff.keys()]);
  return new Map(
    [...found].map((key) => [key, measured(counts.get(key), seats.get(key), days.get(key), staff.get(key))]),
  );
}

const total = (scope, range) => measures(scope, range, {combo: all, member: all}).get("") ?? measured();

/** The period's bins in order, of `grain` days each, with their measures and their first and last day. */
function bins(scope, {from, to, dated}, grain) {
  const {age, combo} = TABLES.bookings.at;
  const shift = dated ? (row) => SHIFTS[DATA.combos[combo[row]][0]] : () => 0;
  const start = (row) => from + Math.floor((age[row] + shift(row) - from) / grain) * grain;
  const counts = sums(TABLES.bookings, scope, {from, to, dated}, start);
  const found = [];
  for (let first = from; first < to; first += grain) {
    const last = Math.min(first + grain, to) - 1;
    found.push({
      day: dayOf(first, scope, dated),
      last: dayOf(last, scope, dated),
      days: last - first + 1,
      ...measured(counts.get(first)),
    });
  }
  return found;
}

/** Booked ÷ available time of each day of a range, in order; null on days without working time. */
function staffDays(scope, range) {
  const {age, member} = TABLES.staff.at;
  const dayOfRow = (row) => age[row] + (range.dated ? SHIFTS[DATA.members[member[row]][0]] : 0);
  const found = sums(TABLES.staff, scope, range, dayOfRow);
  return Array.from({length: range.to - range.from}, (_, place) => {
    const day = found.get(range.from + place) ?? NO_STAFF;
    return ratio(day.booked_minutes, day.available_minutes);
  });
}

/** Whether any combo of the scope has bookings that reach back to the range's first day, and the page holds them. */
const reaches = (scope, {from}) =>
  from >= OLDEST && DATA.combos.some((combo, place) => scope.combos[place] && combo[3] !== null && combo[3] <= from);
