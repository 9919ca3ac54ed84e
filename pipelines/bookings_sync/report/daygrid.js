// Day grid: one day's bookings as a table of members and hours. In: rows of DATA.day.bookings and DATA.day.duty.
// Out: `dayGrid`, `keyOf`.
const isConfirmed = (row) => ["confirmed", "showed", "noshow"].includes(DATA.day.statuses[row.status]);
const isToConfirm = (row) => !row.begun && !isConfirmed(row);

/** How a chip shows bookings: a class, a sign and words. Of several bookings, the one with most work to do decides. */
const LOOKS = [
  ["to-confirm", "?", "not confirmed", isToConfirm],
  ["to-mark", "○", "to mark", (row) => row.begun && !["showed", "noshow"].includes(DATA.day.statuses[row.status])],
  ["noshow", "✗", "no-show", (row) => DATA.day.statuses[row.status] === "noshow"],
  ["showed", "✓", "showed", (row) => DATA.day.statuses[row.status] === "showed"],
  ["confirmed", "", "confirmed", () => true],
];

/** Bookings of one member, service and start, such as those of a class, as one chip. */
function chip(group) {
  const lookOf = (row) => LOOKS.find(([, , , fits]) => fits(row));
  const of = new Map(LOOKS.map((look) => [look, group.filter((row) => lookOf(row) === look)]));
  const looks = LOOKS.filter((look) => of.get(look).length);
  const [kind, sign] = looks[0];
  const told = looks.map((look) => (group.length > 1 ? `${of.get(look).length} ${look[2]}` : look[2])).join(", ");
  const from = clock(group[0].minute);
  const to = group[0].minutes ? ` to ${clock((group[0].minute + group[0].minutes) % 1440)}` : "";
  return make(
    "li",
    {class: `chip ${kind}`, title: `${from}${to} ${serviceOf(group[0])}: ${told}`},
    make("b", {}, from),
    make("span", {class: "sign", "aria-hidden": "true"}, sign && ` ${sign}`),
    make("span", {class: "what"}, `${group.length > 1 ? `${group.length} × ` : ""}${serviceOf(group[0])}`),
    make("span", {class: "unseen"}, `, ${told}`),
  );
}

/** The last hour of the day that a booking reaches into. */
const lastHour = (row) => Math.min(23, Math.floor((row.minute + Math.max(row.minutes, 1) - 1) / 60));

/** One day as a table of members and hours. Hours in which nobody works and nothing is booked are left out. */
function dayGrid(bookings, duty, title) {
  const hoursUsed = new Set(duty.map((each) => each.hour));
  for (const row of bookings)
    for (let hour = Math.floor(row.minute / 60); hour <= lastHour(row); hour++) hoursUsed.add(hour);
  const columns = [...hoursUsed].sort((a, b) => a - b);
  const rows = membersOf([...bookings, ...duty]).map((member) => {
    const own = bookings.filter((row) => row.member === member).sort(byTime);
    const works = new Map(duty.filter((each) => each.member === member).map((each) => [each.hour, each.free]));
    const cells = columns.map((hour) => {
      const starts = own.filter((row) => Math.floor(row.minute / 60) === hour);
      const groups = new Map();
      for (const row of starts) {
        const key = `${row.minute} ${serviceOf(row)}`;
        groups.set(key, [...(groups.get(key) ?? []), row]);
      }
      const goesOn = own.some((row) => Math.floor(row.minute / 60) < hour && lastHour(row) >= hour);
      const state = works.get(hour) === 1 ? "on" : works.get(hour) === 0 ? "blocked" : "";
      const words = goesOn ? "goes on" : state === "blocked" ? "time off" : "";
      return make(
        "td",
        {class: [state, goesOn && "goes-on"].filter(Boolean).join(" ") || null},
        starts.length ? make("ul", {}, ...[...groups.values()].map(chip)) : null,
        words && !starts.length ? make("span", {class: "quietly"}, words) : null,
      );
    });
    const number = make("small", {}, own.length ? many(own.length, "booking") : "free");
    return make("tr", {}, make("th", {scope: "row"}, memberName(member), number), ...cells);
  });
  const gaps = columns.map((hour, at) => (at && columns[at - 1] !== hour - 1 ? "gap" : null));
  const head = columns.map((hour, at) => make("th", {scope: "col", class: gaps[at]}, hourWords(hour)));
  const region = make(
    "div",
    {class: "scroll hours", tabindex: "0", role: "region", "aria-label": title},
    make(
      "table",
      {style: `min-width: ${7 + columns.length * 5}rem`},
      make("thead", {}, make("tr", {}, make("th", {scope: "col"}, "Member"), ...head)),
      make("tbody", {}, ...rows),
    ),
  );
  hinting.observe(region);
  return region;
}

/** What the signs and shades of a grid mean, as far as it has them. */
function keyOf(bookings, duty) {
  const used = new Set(bookings.map((row) => LOOKS.find(([, , , fits]) => fits(row))));
  return [
    ...LOOKS.filter((look) => look[1] && used.has(look)).map(([, sign, words]) => `${sign} ${words}`),
    duty.length ? "grey: no working hours" : null,
    duty.some((each) => !each.free) ? "striped: time off" : null,
  ]
    .filter(Boolean)
    .join(" · ");
}
