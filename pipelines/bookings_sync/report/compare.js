// Compare: the figures side by side, by location, team, service, member or source. In: measures. Out: a table.
/** The names of a filter's values, by index. */
const namesOf = (filter) =>
  ({
    location: DATA.locations.map((each) => each.name),
    team: DATA.teams,
    service: DATA.services,
    member: MEMBERS,
    source: DATA.sources,
  })[filter];

/** How measures are grouped by a filter. Seats are not known by member or source, people's time not by service. */
function groupingBy(filter) {
  if (filter === "member") return {row: (row, at) => at.member[row], member: (member) => member};
  if (filter === "source") return {row: (row, at) => at.source[row]};
  const place = FILTERS.indexOf(filter);
  const byPlace = filter === "location" ? {member: (member) => DATA.members[member][0]} : {};
  return {combo: (combo) => combo[place], ...byPlace};
}

/** A cell with a share of hours, how many hours it is of, and more on hover. */
const ofHours = (share, whole, more = null) =>
  make("td", {title: more}, percent(share), whole ? make("small", {}, ` of ${hours(whole)}`) : null);

function compareCard(scope, period) {
  const groups = FILTERS.filter((filter) => !choice[filter] && options(filter).length > 1);
  const by = groups.includes(choice.by) ? choice.by : (groups[0] ?? "service");
  segments(
    el("compare-by"),
    "by",
    groups.map((name) => [name, capital(name)]),
    (value) => {
      choice.by = value;
      show();
      document.querySelector("#compare-by input:checked").focus();
    },
  );
  for (const radio of document.querySelectorAll("#compare-by input")) radio.checked = radio.value === by;
  el("compare-by").hidden = groups.length < 2;
  const names = namesOf(by);
  const found = [...measures(scope, period.range, groupingBy(by))]
    .filter(([, each]) => each.bookings || each.allSeatHours || each.availableHours)
    .sort(([one, a], [other, b]) => b.bookings - a.bookings || byName(names[one], names[other]));
  const most = Math.max(1, ...found.map(([, each]) => each.bookings));
  el("compare").hidden = !found.length;
  el("compare-sub").textContent = `By ${by}, ${period.words}.`;
  const bar = (each) =>
    make("td", {class: "bar"}, count(each.bookings), make("i", {style: `width:${(each.bookings / most) * 100}%`}));
  const some = (part) => found.some(([, each]) => each[part]);
  const columns = [
    [capital(by), (each, key) => names[key]],
    ...(period.isAhead
      ? [
          ["Bookings so far", bar],
          ["Booked", (each) => hours(each.hours)],
          ["Cancelled so far", (each) => count(each.cancelled)],
        ]
      : [
          ["Bookings", bar],
          ["Booked", (each) => hours(each.hours)],
          ["Show rate", (each) => rateCell(each.showRate)],
          ["No-shows", (each) => count(each.noshow)],
          ["Cancellation rate", (each) => rateCell(each.cancellationRate)],
        ]),
    ...(some("availableHours")
      ? [["Staff utilisation", (each) => ofHours(each.staffUtilisation, each.availableHours)]]
      : []),
    ...(some("allSeatHours")
      ? [["Seat utilisation", (each) => ofHours(each.seatUtilisation, each.allSeatHours, seatNote(each))]]
      : []),
    ...(period.isAhead ? [] : [["Not marked", (each) => count(each.open)]]),
  ];
  el("compare-table").replaceChildren(
    tableOf(
      columns.map(([name]) => name),
      found.map(([key, each]) => columns.map(([, cell]) => cell(each, key))),
    ),
  );
}
