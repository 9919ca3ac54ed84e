// Cards: each chart with heading, legend and data table. In: measures. Out: drawn elements.
/** Fills a card with a heading, a legend, a chart and the chart's data as a table; without data, with a sentence. */
function card(id, {title, sub, legend, spec, description, columns, rows, nothing}) {
  const section = el(id);
  const heading = make("h2", {id: `${id}-title`}, title);
  section.setAttribute("aria-labelledby", `${id}-title`);
  const parts = [heading, make("p", {class: "sub"}, sub)];
  if (!rows.length || !spec) {
    drawn[id]?.finalize();
    delete drawn[id];
    section.replaceChildren(...parts, make("p", {class: "nothing"}, nothing ?? "Nothing in this period."));
    return Promise.resolve();
  }
  const chart = make("div", {class: "chart"});
  const open = section.querySelector("details")?.open;
  const details = make(
    "details",
    open ? {open: ""} : {},
    make("summary", {}, "As a table"),
    scrollTable(`${title}, as a table`, columns, rows),
  );
  const swatches =
    legend &&
    make(
      "ul",
      {class: "legend"},
      ...legend.map(([name, colour, edge]) =>
        make(
          "li",
          {},
          make("i", {style: `background:${colour}${edge ? `;box-shadow:inset 0 0 0 1px ${edge}` : ""}`}),
          name,
        ),
      ),
    );
  section.replaceChildren(...parts, ...(swatches ? [swatches] : []), chart, details);
  return draw(chart, `${title}. ${description ?? sub}`, spec);
}

function trendCard(series, period) {
  const some = series.some((bin) => bin.bookings);
  const unmarked = period.before ? "Not marked yet" : "To come";
  const busiest = series.reduce((most, bin) => (bin.bookings > most.bookings ? bin : most), series[0]);
  return card("trend", {
    title: period.grain === 1 ? "Bookings by day" : "Bookings by week",
    sub: some
      ? `Most ${period.grain === 1 ? "on" : "from"} ${binWords(busiest)}: ${count(busiest.bookings)}.`
      : "How they ended.",
    legend: SERIES.filter((each) => series.some((bin) => bin[each.of])).map((each) => [
      each.of === "open" ? unmarked : each.name,
      each.colour,
      each.edge,
    ]),
    spec: some && trendSpec(series),
    rows: some
      ? series.map((bin) => [binWords(bin), ...[bin.bookings, bin.showed, bin.noshow, bin.open, bin.lost].map(count)])
      : [],
    columns: [period.grain === 1 ? "Day" : "Week", "Bookings", "Showed", "No-show", unmarked, "Cancelled or invalid"],
  });
}

function rateCard(series, now) {
  const some = now.marked > 0;
  return card("rate", {
    title: "Show rate",
    sub: some
      ? `${percent(now.showRate)} of ${count(now.marked)} marked bookings showed up.`
      : "The share of marked bookings that showed up.",
    spec: some && rateSpec(series),
    columns: ["When", "Show rate", "Showed", "No-show"],
    rows: some ? series.map((bin) => [binWords(bin), percent(bin.showRate), count(bin.showed), count(bin.noshow)]) : [],
    nothing: "No booking of this period is marked yet.",
  });
}

function funnelCard(now, period) {
  const steps = [
    {step: "Booked", bookings: now.bookings, note: "nothing"},
    {step: "Kept", bookings: now.kept, note: `${count(now.lost)} cancelled or invalid`},
    ...(period.before
      ? [{step: "Showed", bookings: now.showed, note: `${count(now.noshow)} no-shows, ${count(now.open)} not marked`}]
      : []),
  ].map((each) => ({
    ...each,
    share: percent(ratio(each.bookings, now.bookings)),
    label: `${each.step}  ${count(each.bookings)}`,
  }));
  return card("funnel", {
    title: period.before ? "From booked to showed" : "From booked to kept",
    sub: now.bookings
      ? period.before
        ? `${count(now.lost)} cancelled or invalid, ${count(now.noshow)} no-shows.`
        : `${count(now.lost)} cancelled or invalid so far.`
      : "How many bookings are kept, and how many show up.",
    spec: now.bookings && funnelSpec(steps),
    columns: ["Step", "Bookings", "Of all bookings", "Left out"],
    rows: now.bookings ? steps.map((each) => [each.step, count(each.bookings), each.share, each.note]) : [],
  });
}

/** The booked share of the open hours, by weekday and hour: of people's time, or with a team or service of its seats. */
function heatCard(chosen, period) {
  const whole = isWholeStaff(choice);
  const keyOf = (row, at) => `${row[at.weekday]} ${row[at.hour]}`;
  const seats = sums(DATA.hours, chosen, period.range, keyOf);
  const staff = whole ? sums(DATA.staff, chosenPlaces(choice), period.range, keyOf) : new Map();
  const byStaff = staff.size > 0;
  const found = [...new Set([...seats.keys(), ...staff.keys()])].map((key) => {
    const [weekday, hour] = key.split(" ").map(Number);
    const seat = seats.get(key) ?? {bookings: 0, booked_minutes: 0, open_minutes: 0};
    const person = staff.get(key) ?? NO_STAFF;
    return {
      weekday,
      hour,
      bookings: seat.bookings,
      booked: byStaff ? person.booked_minutes : seat.booked_minutes,
      open: byStaff ? person.available_minutes : seat.open_minutes,
      day: WEEKDAYS[weekday],
      words: `${WEEKDAYS[weekday]} ${hourWords(hour)}`,
    };
  });
  found.sort((one, other) => one.weekday - other.weekday || one.hour - other.hour);
  const byShare = found.some((cell) => cell.open);
  const most = Math.max(1, ...found.map((cell) => cell.bookings));
  const drawn = found
    .filter((cell) => (byShare ? cell.open : cell.bookings))
    .map((cell) => {
      const use = byShare ? cell.booked / cell.open : cell.bookings;
      return {
        ...cell,
        use,
        level: Math.min(4, Math.floor((byShare ? use : use / most) * 5)),
        value: byShare ? percent(use, 0) : count(use),
        detail: byShare ? `${hours(cell.booked / 60)} booked of ${hours(cell.open / 60)} open` : "bookings",
      };
    });
  const closed = byShare ? found.filter((cell) => !cell.open && cell.bookings) : [];
  const outside = closed.reduce((sum, cell) => sum + cell.bookings, 0);
  // Of equally full hours, the one with most open time.
  const top = drawn.reduce(
    (best, cell) => (!best || cell.use > best.use || (cell.use === best.use && cell.open > best.open) ? cell : best),
    null,
  );
  const unit = !byShare ? "Bookings" : byStaff ? "Staff utilisation" : "Seats booked";
  const also = outside ? ` ${count(outside)} booking${outside === 1 ? "" : "s"} began outside the opening hours.` : "";
  return card("heat", {
    title: `${unit} by weekday and hour`,
    sub: !top
      ? "Which hours are full, and which are free."
      : byShare
        ? `Fullest: ${top.words}, ${top.value} of the ${byStaff ? "working time" : "open seats"}.${also}`
        : `Most: ${top.words}, ${top.value}. No opening hours are known.`,
    legend: byShare
      ? HEAT.map((colour, level) => [`${level * 20}–${level * 20 + 20}%`, colour])
      : [
          ["few", HEAT[0]],
          ["", HEAT[2]],
          ["many", HEAT[4]],
        ],
    spec: drawn.length && heatSpec(drawn, unit),
    columns: ["Weekday and hour", unit, "Detail"],
    rows: [
      ...drawn.map((cell) => [cell.words, cell.value, cell.detail]),
      ...closed.map((cell) => [cell.words, NONE, `outside the opening hours: ${count(cell.bookings)} bookings`]),
    ],
  });
}

function leadsCard(chosen, period) {
  const found = sums(DATA.leads, chosen, period.range, (row, at) => row[at.span]);
  const rows = DATA.spans
    .map((span, place) => ({...(found.get(place) ?? {bookings: 0, showed: 0, noshow: 0}), span}))
    .filter((row) => row.bookings)
    .map((row) => {
      const marked = row.showed + row.noshow;
      return {
        ...row,
        marked,
        rate: ratio(row.noshow, marked),
        shown: percent(ratio(row.noshow, marked)),
        span: row.span[0].toUpperCase() + row.span.slice(1),
      };
    });
  const marked = rows.filter((row) => row.marked);
  // The subtitle needs enough bookings, and lead times that are known before the appointment.
  const reliable = marked.filter((row) => row.marked >= 20 && !["Afterwards", "Not known"].includes(row.span));
  const riskiest = reliable.length > 1 ? reliable.reduce((most, row) => (row.rate > most.rate ? row : most)) : null;
  return card("leads", {
    title: "No-shows by lead time",
    sub: riskiest
      ? `Highest when booked ${riskiest.span.toLowerCase()} ahead: ${riskiest.shown}.`
      : "The share of no-shows among marked bookings, by time from booking to start.",
    spec: marked.length && leadsSpec(marked),
    columns: ["Booked ahead", "No-show rate", "No-shows", "Marked", "Bookings"],
    rows: marked.length
      ? rows.map((row) => [row.span, row.shown, count(row.noshow), count(row.marked), count(row.bookings)])
      : [],
    nothing: "No booking of this period is marked yet.",
  });
}

function loadsCard(chosen, period) {
  const places = new Set(DATA.combos.filter((_, at) => chosen[at]).map((combo) => combo[0])).size;
  const rows = [...sums(DATA.loads, chosen, period.range, (row, at) => row[at.member])]
    .map(([member, sum]) => {
      const [place, label] = DATA.members[member];
      const name = DATA.locations[place].name;
      return {
        ...sum,
        name: label,
        label: places > 1 ? `${label} · ${name}` : label,
        place: name,
        hours: sum.minutes / 60,
        shown: hours(sum.minutes / 60),
        rate: percent(ratio(sum.showed, sum.showed + sum.noshow)),
      };
    })
    .sort((one, other) => other.hours - one.hours || one.label.localeCompare(other.label));
  const people = rows.filter((row) => row.name !== "Nobody");
  const mean = people.length ? people.reduce((all, row) => all + row.hours, 0) / people.length : 0;
  const most = 10;
  const few = rows.length > most ? `; the ${most} with the most of ${count(rows.length)}` : "";
  const unnamed = DATA.named ? "" : " Members are numbered, because this page holds no names.";
  return card("loads", {
    title: "Member load",
    sub: people.length ? `${hours(mean)} each on average (dashed)${few}.${unnamed}` : "The booked hours of each member.",
    spec: rows.length && loadsSpec(rows.slice(0, most), mean),
    columns: ["Member", "Location", "Booked", "Bookings", "Show rate"],
    rows: rows.map((row) => [row.name, row.place, row.shown, count(row.bookings), row.rate]),
  });
}

function compareCard(chosen, period) {
  const groups = FILTERS.filter((filter) => !choice[filter] && options(filter).length > 1);
  if (!groups.includes(choice.by)) choice.by = groups[0] ?? FILTERS.find((filter) => !choice[filter]) ?? "service";
  segments(
    el("compare-by"),
    "by",
    groups.map((name) => [name, name[0].toUpperCase() + name.slice(1)]),
    (value) => {
      choice.by = value;
      show();
    },
  );
  for (const radio of document.querySelectorAll("#compare-by input")) radio.checked = radio.value === choice.by;
  el("compare-by").hidden = groups.length < 2;
  const place = FILTERS.indexOf(choice.by);
  const keyOf = (row) => DATA.combos[row[0]][place];
  const names = [DATA.locations.map((each) => each.name), DATA.teams, DATA.services][place];
  const placeOf = choice.by === "location" ? (row) => row[0] : undefined;
  const found = [...measures(chosen, period.range, keyOf, placeOf)]
    .filter(([, each]) => each.bookings || each.allSeatHours || each.availableHours)
    .sort(([one, a], [other, b]) => b.bookings - a.bookings || names[one].localeCompare(names[other]));
  const most = Math.max(1, ...found.map(([, each]) => each.bookings));
  el("compare").hidden = !found.length;
  el("compare-sub").textContent = `By ${choice.by}, ${period.words}.`;
  const bar = (each) => {
    const cell = make(
      "td",
      {class: "bar"},
      count(each.bookings),
      make("i", {style: `width:${(each.bookings / most) * 100}%`}),
    );
    return cell;
  };
  el("compare-table").replaceChildren(
    tableOf(
      [
        choice.by[0].toUpperCase() + choice.by.slice(1),
        "Bookings",
        "Booked",
        "Show rate",
        "No-shows",
        "Cancellation rate",
        ...(placeOf ? ["Staff utilisation"] : []),
        "Seat utilisation",
        "Not marked",
      ],
      found.map(([key, each]) => [
        names[key],
        bar(each),
        hours(each.hours),
        percent(each.showRate),
        count(each.noshow),
        percent(each.cancellationRate),
        ...(placeOf ? [percent(each.staffUtilisation)] : []),
        percent(each.seatUtilisation),
        period.before ? count(each.open) : NONE,
      ]),
    ),
  );
}
