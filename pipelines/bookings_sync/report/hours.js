// Hours: how full each hour of the week is. In: booked and open minutes. Out: the heat map's card.
/** The booked share of the open hours, by weekday and hour: of people's time, or with a team or service of its seats.
 * If neither is known, the number of bookings. */
function heatCard(scope, period) {
  const keyOf = (row, at) => {
    const place = at.combo ? DATA.combos[at.combo[row]][0] : DATA.members[at.member[row]][0];
    return weekdayOf(place, at.age[row]) * 24 + at.hour[row];
  };
  const begun = sums(TABLES.bookings, scope, period.range, keyOf);
  const staff = isStaffKnown(choice) ? sums(TABLES.staff, scope, period.range, keyOf) : new Map();
  const byStaff = staff.size > 0;
  const seats = !byStaff && areSeatsKnown(choice) ? sums(TABLES.hours, scope, period.range, keyOf) : new Map();
  const open = byStaff ? staff : seats;
  const byShare = open.size > 0;
  const found = [...new Set([...begun.keys(), ...open.keys()])].map((key) => {
    const [weekday, hour] = [Math.floor(key / 24), key % 24];
    const used = open.get(key) ?? {booked_minutes: 0};
    return {
      weekday,
      hour,
      bookings: measured(begun.get(key)).expected,
      rate: rateOf(used.booked_minutes / 60, (used.available_minutes ?? used.open_minutes ?? 0) / 60),
      day: WEEKDAYS[weekday],
      words: `${WEEKDAYS[weekday]} ${hourWords(hour)}`,
    };
  });
  found.sort((one, other) => one.weekday - other.weekday || one.hour - other.hour);
  const most = Math.max(1, ...found.map((cell) => cell.bookings));
  const cells = found
    .filter((cell) => (byShare ? cell.rate.whole : cell.bookings))
    .map((cell) => {
      const use = byShare ? cell.rate.value : cell.bookings / most;
      return {
        ...cell,
        level: Math.min(4, Math.floor(use * 5)),
        value: byShare ? percent(use, 0) : count(cell.bookings),
        detail: byShare ? `${hours(cell.rate.part)} booked of ${hours(cell.rate.whole)} open` : "bookings",
      };
    });
  const closed = byShare ? found.filter((cell) => !cell.rate.whole && cell.bookings) : [];
  const unit = !byShare ? "Bookings" : byStaff ? "Staff utilisation" : "Seats booked";
  return card("heat", {
    title: `${unit} by weekday and hour${period.isAhead ? ", so far" : ""}`,
    metric: !byShare ? "bookings" : byStaff ? "staff_utilisation" : "seat_utilisation",
    sub: cells.length ? heatWords(cells, closed, byShare, byStaff) : "Which hours are full, and which are free.",
    legend: byShare
      ? HEAT.map((colour, level) => [`${level * 20}–${level * 20 + 20}%`, colour])
      : [
          ["few", HEAT[0]],
          ["", HEAT[2]],
          ["many", HEAT[4]],
        ],
    spec: cells.length && heatSpec(cells, unit),
    columns: ["Weekday and hour", unit, "Detail"],
    rows: [
      ...cells.map((cell) => [cell.words, cell.value, cell.detail]),
      ...closed.map((cell) => [cell.words, NONE, `outside the opening hours: ${count(cell.bookings)} bookings`]),
    ],
  });
}

/** What the heat map shows, in words. An hour is named only if it is fuller than every other by more than chance. */
function heatWords(cells, closed, byShare, byStaff) {
  if (!byShare) {
    const top = clearlyMost(cells, (cell) => cell.bookings);
    const why =
      areSeatsKnown(choice) || isStaffKnown(choice) ? "" : " What they are a share of is not known for these filters.";
    return `${top ? `Clearly most: ${top.words}.` : "No hour stands out clearly."}${why}`;
  }
  const [booked, open] = ["part", "whole"].map((of) => cells.reduce((sum, cell) => sum + cell.rate[of], 0));
  const top = clearlyHighest(cells, (cell) => cell.rate);
  const outside = closed.reduce((sum, cell) => sum + cell.bookings, 0);
  return [
    `${percent(booked / open, 0)} of the ${byStaff ? "working time" : "open seats"} is booked.`,
    top ? `Clearly fullest: ${top.words}, ${top.value}.` : "No hour stands out clearly.",
    outside && `${count(outside)} booking${outside === 1 ? "" : "s"} began outside the opening hours.`,
  ]
    .filter(Boolean)
    .join(" ");
}

const HEAT = ["var(--h0)", "var(--h1)", "var(--h2)", "var(--h3)", "var(--h4)"];

/** Weekdays by hours. `cells` have a weekday, an hour, a level (0 to 4) and the texts of the tooltip. */
function heatSpec(cells, unit) {
  const all = cells.map((cell) => cell.hour);
  const domain = Array.from({length: Math.max(...all) - Math.min(...all) + 1}, (_, place) => Math.min(...all) + place);
  return {
    height: 7 * 32,
    data: {values: cells},
    mark: {type: "rect", cornerRadius: 3},
    encoding: {
      x: {
        field: "hour",
        type: "ordinal",
        scale: {domain, padding: 0.08},
        axis: {title: "Hour of the day, local time", labelAngle: 0, labelOverlap: "parity", labelSeparation: 4},
      },
      y: {field: "day", type: "ordinal", scale: {domain: WEEKDAYS.slice(1), padding: 0.08}, axis: {title: null}},
      color: {field: "level", type: "ordinal", legend: null, scale: {domain: [0, 1, 2, 3, 4], range: HEAT}},
      tooltip: [
        {field: "words", title: "When"},
        {field: "value", title: unit},
        {field: "detail", title: "Detail"},
      ],
    },
  };
}
