// Page: what is asked for, and everything that follows from it: tiles, charts and their tables, side by side, freshness.
const el = (id) => document.getElementById(id);
const FILTERS = ["location", "team", "service"];
const ANY = {location: "All locations", team: "All teams", service: "All services"};
const choice = {period: PERIODS[Math.min(1, PERIODS.length - 2)].id, location: "", team: "", service: "", by: ""};

// ---- choices ------------------------------------------------------------------------------------------------------

function options(filter) {
  const others = chosenBy({...choice, [filter]: "", ...(filter === "location" ? {team: "", service: ""} : filter === "team" ? {service: ""} : {})});
  const place = FILTERS.indexOf(filter);
  const names = [DATA.locations.map((each) => each.name), DATA.teams, DATA.services][place];
  return [...new Set(DATA.combos.filter((_, at) => others[at]).map((combo) => names[combo[place]]))].sort((a, b) => a.localeCompare(b));
}

/** Fills the filters. A choice that its wider filter no longer has is given up. */
function fillFilters() {
  for (const filter of FILTERS) {
    const names = options(filter);
    if (!names.includes(choice[filter])) choice[filter] = "";
    const select = el(filter);
    select.replaceChildren(make("option", {value: ""}, ANY[filter]), ...names.map((name) => make("option", {value: name}, name)));
    select.value = choice[filter];
    select.parentElement.hidden = names.length < 2 && !choice[filter];
  }
  for (const radio of document.querySelectorAll("#periods input")) radio.checked = radio.value === choice.period;
  el("reset").hidden = FILTERS.every((filter) => !choice[filter]);
}

function segments(parent, name, entries, onChange) {
  parent.replaceChildren(...entries.map(([value, label]) => {
    const input = make("input", {type: "radio", name, value});
    input.addEventListener("change", () => onChange(value));
    return make("label", {}, input, make("span", {}, label));
  }));
}

/** The choice stands in the address, so that a view can be linked to. */
function readAddress() {
  const said = new URLSearchParams(location.hash.slice(1));
  for (const filter of FILTERS) choice[filter] = said.get(filter) ?? "";
  if (PERIODS.some((period) => period.id === said.get("period"))) choice.period = said.get("period");
}

function writeAddress() {
  const said = new URLSearchParams(["period", ...FILTERS].filter((name) => choice[name]).map((name) => [name, choice[name]]));
  history.replaceState(null, "", `#${said}`);
  document.body.dataset.shown = said;
}

// ---- tiles --------------------------------------------------------------------------------------------------------

/** Against the period before: [text, class]. `better` is the direction that is good: 1, -1, or 0 for neither. */
function change(now, before, {rate, better}) {
  if (now === null || before === null) return null;
  if (!rate && !before) return null;
  const moved = rate ? (now - before) * 100 : (now / before - 1) * 100;
  const rounded = Number(moved.toFixed(1));
  const tone = Math.abs(rounded) < .5 || !better ? "" : rounded * better > 0 ? "good" : "bad";
  const size = rate ? `${Math.abs(rounded).toFixed(1)} pts` : `${Math.abs(rounded) >= 100 ? whole.format(Math.abs(rounded)) : Math.abs(rounded).toFixed(1)}%`;
  return [rounded ? `${rounded > 0 ? "▲" : "▼"} ${size}` : "unchanged", tone];
}

function spark(values) {
  const known = values.filter((value) => value !== null);
  if (known.length < 3) return null;
  const low = Math.min(...known), high = Math.max(...known), wide = values.length - 1;
  let path = "", pen = "M";
  values.forEach((value, place) => {
    if (value === null) { pen = "M"; return; }
    path += `${pen}${((place / wide) * 100).toFixed(2)} ${(high === low ? 12 : 22 - ((value - low) / (high - low)) * 20).toFixed(2)}`;
    pen = "L";
  });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({class: "spark", viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true"})) svg.setAttribute(name, value);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

function tilesOf(now, before, period, known, series) {
  const ahead = !period.before;
  // Marks come late: fewer no-shows than before say nothing while many more are not marked yet.
  const comparable = before && now.openRate - before.openRate < .05;
  const made = [
    {title: "Bookings", value: count(now.bookings), of: `${hours(now.hours)} booked`, now: now.bookings, before: before?.bookings, line: "bookings", better: 1},
    ahead ? null : {title: "Show rate", value: percent(now.showRate), of: `${count(now.showed)} of ${count(now.marked)} marked`, now: now.showRate, before: before?.showRate, rate: true, line: "showRate", better: 1},
    ahead ? null : {title: "No-shows", value: count(now.noshow), of: now.kept ? `${percent(now.noshow / now.kept)} of the kept` : "", now: now.noshow, before: comparable ? before.noshow : null, line: "noshow", better: -1},
    {title: "Cancellation rate", value: percent(now.cancellationRate), of: `${count(now.cancelled)} cancelled`, now: now.cancellationRate, before: before?.cancellationRate, rate: true, line: "cancellationRate", better: -1},
    {title: "Utilisation", value: percent(now.utilisation), of: utilisationNote(now, period, known.now), now: now.utilisation, before: known.before === period.days && known.now === period.days ? before?.utilisation : null, rate: true, better: 1},
    ahead ? {title: "Rescheduled", value: count(now.rescheduled), of: now.bookings ? `${percent(now.rescheduled / now.bookings)} of bookings` : "", line: "rescheduled"}
      : {title: "Not marked yet", value: count(now.open), of: `${percent(now.openRate)} of bookings`, now: now.openRate, before: before?.openRate, rate: true, line: "open", better: -1},
  ];
  return made.filter(Boolean).map((tile) => {
    const moved = change(tile.now ?? null, tile.before ?? null, tile);
    const against = moved && (tile.rate ? percent(tile.before) : count(tile.before));
    return make("article", {class: "tile"},
      make("h2", {}, tile.title), make("p", {class: "value"}, tile.value), make("p", {class: "of"}, tile.of),
      moved ? make("p", {class: `change ${moved[1]}`}, moved[0], make("small", {}, ` from ${against}`)) : null,
      tile.line && now.bookings ? spark(series.map((bin) => bin[tile.line])) : null);
  });
}

function utilisationNote(now, period, known) {
  if (!known) return "free times not known";
  return known < period.days ? `free times known for ${known} of ${period.days} days` : `${hours(now.usedHours)} of ${hours(now.openHours)}`;
}

// ---- cards --------------------------------------------------------------------------------------------------------

/** A chart with its heading, a legend, and the same as a table; or, of nothing, a sentence. */
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
  const details = make("details", open ? {open: ""} : {}, make("summary", {}, "As a table"),
    make("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}, as a table`}, tableOf(columns, rows)));
  const swatches = legend && make("ul", {class: "legend"}, ...legend.map(([name, colour, edge]) =>
    make("li", {}, make("i", {style: `background:${colour}${edge ? `;box-shadow:inset 0 0 0 1px ${edge}` : ""}`}), name)));
  section.replaceChildren(...parts, ...(swatches ? [swatches] : []), chart, details);
  return draw(chart, `${title}. ${description ?? sub}`, spec);
}

function trendCard(series, period) {
  const some = series.some((bin) => bin.bookings);
  const unmarked = period.before ? "Not marked yet" : "To come";
  const busiest = series.reduce((most, bin) => (bin.bookings > most.bookings ? bin : most), series[0]);
  return card("trend", {
    title: period.grain === 1 ? "Bookings by day" : "Bookings by week",
    sub: some ? `Most ${period.grain === 1 ? "on" : "from"} ${binWords(busiest)}: ${count(busiest.bookings)}.` : "What became of them.",
    legend: SERIES.filter((each) => series.some((bin) => bin[each.of])).map((each) => [each.of === "open" ? unmarked : each.name, each.colour, each.edge]),
    spec: some && trendSpec(series), rows: some ? series.map((bin) => [binWords(bin), ...[bin.bookings, bin.showed, bin.noshow, bin.open, bin.lost].map(count)]) : [],
    columns: [period.grain === 1 ? "Day" : "Week", "Bookings", "Showed", "No-show", unmarked, "Cancelled or invalid"],
  });
}

function rateCard(series, now) {
  const some = now.marked > 0;
  return card("rate", {
    title: "Show rate",
    sub: some ? `${percent(now.showRate)} of the ${count(now.marked)} marked came.` : "Of those marked, how many came.",
    spec: some && rateSpec(series), columns: ["When", "Show rate", "Showed", "No-show"],
    rows: some ? series.map((bin) => [binWords(bin), percent(bin.showRate), count(bin.showed), count(bin.noshow)]) : [],
    nothing: "Nobody is marked in this period.",
  });
}

function funnelCard(now, period) {
  const steps = [
    {step: "Booked", bookings: now.bookings, note: "nothing"},
    {step: "Kept", bookings: now.kept, note: `${count(now.lost)} cancelled or invalid`},
    ...(period.before ? [{step: "Showed", bookings: now.showed, note: `${count(now.noshow)} no-shows, ${count(now.open)} not marked`}] : []),
  ].map((each) => ({...each, share: percent(ratio(each.bookings, now.bookings)), label: `${each.step}  ${count(each.bookings)}`}));
  return card("funnel", {
    title: period.before ? "From booked to showed" : "From booked to kept",
    sub: now.bookings ? (period.before ? `${count(now.lost)} fell away before, ${count(now.noshow)} did not come.` : `${count(now.lost)} fell away so far.`) : "How many are kept, how many come.",
    spec: now.bookings && funnelSpec(steps), columns: ["Step", "Bookings", "Of all bookings", "Left out"],
    rows: now.bookings ? steps.map((each) => [each.step, count(each.bookings), each.share, each.note]) : [],
  });
}

function heatCard(chosen, period, known) {
  const found = [...sums(DATA.hours, chosen, period.range, (row, at) => `${row[at.weekday]} ${row[at.hour]}`)].map(([key, sum]) => {
    const [weekday, hour] = key.split(" ").map(Number);
    return {...sum, weekday, hour, day: WEEKDAYS[weekday], words: `${WEEKDAYS[weekday]} ${hourWords(hour)}`};
  });
  const used = found.filter((cell) => cell.booked_minutes + cell.free_minutes > 0);
  const byUse = used.length > 0;
  let cells, legend;
  if (byUse) {
    cells = used.map((cell) => {
      const use = cell.booked_minutes / (cell.booked_minutes + cell.free_minutes);
      return {...cell, use, level: Math.min(4, Math.floor(use * 5)), value: percent(use, 0), detail: `${hours(cell.booked_minutes / 60)} booked, ${hours(cell.free_minutes / 60)} free`};
    });
    legend = HEAT.map((colour, level) => [`${level * 20}–${level * 20 + 20}%`, colour]);
  } else {
    const most = Math.max(1, ...found.map((cell) => cell.bookings));
    cells = found.filter((cell) => cell.bookings).map((cell) => (
      {...cell, use: cell.bookings, level: Math.min(4, Math.floor((cell.bookings / most) * 5)), value: count(cell.bookings), detail: "kept bookings"}));
    legend = [["few", HEAT[0]], ["", HEAT[2]], ["many", HEAT[4]]];
  }
  cells.sort((one, other) => one.weekday - other.weekday || one.hour - other.hour);
  // One appointment at an odd hour is no full hour: what is told of has some time to it.
  const time = (cell) => cell.booked_minutes + cell.free_minutes;
  const usual = cells.filter((cell) => time(cell) * 4 >= Math.max(...cells.map(time)));
  const top = usual.reduce((most, cell) => (!most || cell.use > most.use ? cell : most), null);
  const partly = known < period.days ? ` Free times are known for ${known} of ${period.days} days.` : "";
  return card("heat", {
    title: byUse ? "Utilisation by weekday and hour" : "Bookings by weekday and hour",
    sub: !top ? "Which hours are full, which are not." : byUse ? `Fullest: ${top.words}, ${top.value}.${partly}` : `Most: ${top.words}, ${top.value}. Utilisation is not known here: no free times were read on these days.`,
    legend, spec: cells.length && heatSpec(cells, byUse ? "Utilisation" : "Bookings"),
    columns: ["Weekday and hour", byUse ? "Utilisation" : "Bookings", "Made of"], rows: cells.map((cell) => [cell.words, cell.value, cell.detail]),
  });
}

function leadsCard(chosen, period) {
  const found = sums(DATA.leads, chosen, period.range, (row, at) => row[at.span]);
  const rows = DATA.spans.map((span, place) => ({...(found.get(place) ?? {bookings: 0, showed: 0, noshow: 0}), span}))
    .filter((row) => row.bookings).map((row) => {
      const marked = row.showed + row.noshow;
      return {...row, marked, rate: ratio(row.noshow, marked), shown: percent(ratio(row.noshow, marked)), span: row.span[0].toUpperCase() + row.span.slice(1)};
    });
  const marked = rows.filter((row) => row.marked);
  // Of a few bookings, or of those whose time of booking is odd or not known, nothing can be said ahead.
  const telling = marked.filter((row) => row.marked >= 20 && !["Afterwards", "Not known"].includes(row.span));
  const riskiest = telling.length > 1 ? telling.reduce((most, row) => (row.rate > most.rate ? row : most)) : null;
  return card("leads", {
    title: "No-shows by lead time",
    sub: riskiest ? `Most often when booked ${riskiest.span.toLowerCase()} ahead: ${riskiest.shown}.` : "Part of the marked who did not come, by how long before they booked.",
    spec: marked.length && leadsSpec(marked), columns: ["Booked ahead", "No-show rate", "No-shows", "Marked", "Bookings"],
    rows: marked.length ? rows.map((row) => [row.span, row.shown, count(row.noshow), count(row.marked), count(row.bookings)]) : [],
    nothing: "Nobody is marked in this period.",
  });
}

function loadsCard(chosen, period) {
  const places = new Set(DATA.combos.filter((_, at) => chosen[at]).map((combo) => combo[0])).size;
  const rows = [...sums(DATA.loads, chosen, period.range, (row, at) => row[at.member])].map(([member, sum]) => {
    const [place, label] = DATA.members[member];
    const name = DATA.locations[place].name;
    return {...sum, name: label, label: places > 1 ? `${label} · ${name}` : label, place: name, hours: sum.minutes / 60, shown: hours(sum.minutes / 60), rate: percent(ratio(sum.showed, sum.showed + sum.noshow))};
  }).sort((one, other) => other.hours - one.hours || one.label.localeCompare(other.label));
  const people = rows.filter((row) => row.name !== "Nobody");
  const mean = people.length ? people.reduce((all, row) => all + row.hours, 0) / people.length : 0;
  const most = 10;
  return card("loads", {
    title: "Member load",
    sub: !people.length ? "Who takes how much." : `${hours(mean)} each on average (dashed)${rows.length > most ? `; the ${most} with the most of ${count(rows.length)}` : ""}.${DATA.named ? "" : " Members are numbered: no names are in this page."}`,
    spec: rows.length && loadsSpec(rows.slice(0, most), mean), columns: ["Member", "Location", "Booked", "Bookings", "Show rate"],
    rows: rows.map((row) => [row.name, row.place, row.shown, count(row.bookings), row.rate]),
  });
}

function compareCard(chosen, period) {
  const groups = FILTERS.filter((filter) => !choice[filter] && options(filter).length > 1);
  if (!groups.includes(choice.by)) choice.by = groups[0] ?? FILTERS.find((filter) => !choice[filter]) ?? "service";
  segments(el("compare-by"), "by", groups.map((name) => [name, name[0].toUpperCase() + name.slice(1)]), (value) => { choice.by = value; show(); });
  for (const radio of document.querySelectorAll("#compare-by input")) radio.checked = radio.value === choice.by;
  el("compare-by").hidden = groups.length < 2;
  const place = FILTERS.indexOf(choice.by);
  const keyOf = (row) => DATA.combos[row[0]][place];
  const names = [DATA.locations.map((each) => each.name), DATA.teams, DATA.services][place];
  const found = [...measures(chosen, period.range, keyOf)].filter(([, each]) => each.bookings || each.openHours)
    .sort(([one, a], [other, b]) => b.bookings - a.bookings || names[one].localeCompare(names[other]));
  const most = Math.max(1, ...found.map(([, each]) => each.bookings));
  el("compare").hidden = !found.length;
  el("compare-sub").textContent = `By ${choice.by}, ${period.words}.`;
  const bar = (each) => {
    const cell = make("td", {class: "bar"}, count(each.bookings), make("i", {style: `width:${(each.bookings / most) * 100}%`}));
    return cell;
  };
  el("compare-table").replaceChildren(tableOf(
    [choice.by[0].toUpperCase() + choice.by.slice(1), "Bookings", "Booked", "Show rate", "No-shows", "Cancellation rate", "Utilisation", "Not marked"],
    found.map(([key, each]) => [names[key], bar(each), hours(each.hours), percent(each.showRate), count(each.noshow), percent(each.cancellationRate), percent(each.utilisation), period.before ? count(each.open) : NONE])));
}

// ---- freshness ----------------------------------------------------------------------------------------------------

const STALE_HOURS = 24;

function freshness() {
  const known = DATA.freshness.filter((each) => each.fresh_at);
  const hoursOld = (each) => (Date.now() - Date.parse(each.fresh_at)) / 3600000;
  const rejected = DATA.rejections.reduce((all, each) => all + each.records, 0);
  const troubles = [];
  const unread = DATA.freshness.filter((each) => !each.fresh_at);
  if (unread.length) troubles.push(`${unread.length === 1 ? `${unread[0].name} has` : `${unread.length} locations have`} not been read in full yet`);
  const stale = known.filter((each) => hoursOld(each) > STALE_HOURS);
  if (stale.length) troubles.push(`${stale.length === DATA.freshness.length ? "the data is" : stale.length === 1 ? `${stale[0].name} is` : `${stale.length} locations are`} more than a day old`);
  const partly = DATA.freshness.filter((each) => each.fresh_at && each.covered < .9995);
  if (partly.length) troubles.push(`${partly.length === 1 ? `history of ${partly[0].name} is` : `history of ${partly.length} locations is`} not complete yet`);
  if (DATA.last_outcome && DATA.last_outcome !== "ok") troubles.push(`the last sync ended ${DATA.last_outcome}`);
  if (rejected) troubles.push(`${count(rejected)} record${rejected === 1 ? " does" : "s do"} not fit and ${rejected === 1 ? "is" : "are"} not counted`);
  const oldest = known.map((each) => each.fresh_at).sort()[0];
  const banner = el("banner");
  banner.classList.toggle("warn", troubles.length > 0);
  const read = oldest ? `Calendar read ${ago(oldest)}` : "The calendar has not been read yet";
  const text = troubles.length ? `${read}; ${troubles.join("; ")}. ` : `${read}, all of it, every record counted. `;
  banner.replaceChildren(make("span", {}, text, make("a", {href: "#freshness"}, "Details")));
  const when = (iso) => (iso ? `${moment(iso)}` : "never");
  el("freshness-body").replaceChildren(
    make("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Freshness of each location"}, tableOf(
      ["Location", "Read", "History complete from", "Of history read", "Oldest part read"],
      DATA.freshness.map((each) => [each.name, when(each.fresh_at), each.history_from ? dayWords(each.history_from, {year: "numeric"}) : NONE, percent(Math.floor(each.covered * 1000) / 1000), when(each.oldest_read_at)]))),
    ...(DATA.rejections.length ? [make("p", {class: "sub"}, "Records that do not fit their table are kept aside, and counted nowhere above:"),
      make("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": "Rejected records"}, tableOf(["Location", "Table", "Why", "Records"],
        DATA.rejections.map((each) => [each.location, each.table, each.reason, count(each.records)])))] : []));
}

// ---- all of it ----------------------------------------------------------------------------------------------------

function show() {
  fillFilters();
  writeAddress();
  const period = PERIODS.find((each) => each.id === choice.period);
  const chosen = chosenBy(choice);
  const now = total(chosen, period.range);
  const before = period.before && reaches(chosen, period.before[0]) ? total(chosen, period.before) : null;
  const known = {now: knownDays(chosen, period.range), before: period.before ? knownDays(chosen, period.before) : 0};
  const series = bins(chosen, period);
  const [first, last] = [dayOf(period.range[0], chosen), dayOf(period.range[1] - 1, chosen)];
  const of = FILTERS.map((filter) => choice[filter]).filter(Boolean).join(" · ");
  el("showing").textContent = `${dayWords(first, {year: "numeric"})} to ${dayWords(last, {year: "numeric"})}${of ? ` · ${of}` : ""}: ${count(now.bookings)} booking${now.bookings === 1 ? "" : "s"}` +
    `${period.before ? (before ? `, compared with the ${period.days} days before.` : ". The calendar does not reach back far enough to compare.") : ", so far."}`;
  el("tiles").replaceChildren(...tilesOf(now, before, period, known, series));
  compareCard(chosen, period);
  // Who will come is not known ahead of time: the cards that tell make room.
  for (const id of ["rate", "leads"]) el(id).hidden = !period.before;
  el("cards").classList.toggle("ahead", !period.before);
  const drawing = [trendCard(series, period), funnelCard(now, period), heatCard(chosen, period, known.now), loadsCard(chosen, period),
    ...(period.before ? [rateCard(series, now), leadsCard(chosen, period)] : [])];
  document.body.dataset.drawn = "no";
  const turn = (show.turn = (show.turn ?? 0) + 1);
  Promise.all(drawing).then(() => { if (turn === show.turn) document.body.dataset.drawn = "yes"; });
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  el("theme").setAttribute("aria-pressed", String(theme === "dark"));
}

function start() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let own = null;
  const follow = () => setTheme(own ?? (dark.matches ? "dark" : "light"));
  follow();
  dark.addEventListener("change", follow);
  el("theme").addEventListener("click", () => {
    own = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    follow();
  });
  addEventListener("beforeprint", () => setTheme("light"));
  addEventListener("afterprint", follow);

  const names = DATA.locations.map((each) => each.name);
  el("lede").textContent = names.length === 0 ? "No location yet" : names.length <= 4 ? names.join(" · ") : `${names.length} locations`;
  el("made").textContent = `Made by bookings report on ${moment(DATA.written_at)}. This page loads nothing from anywhere and holds no contact’s data${DATA.named ? "; it names members of staff" : ", and no names of staff"}.`;
  el("bounds").textContent = `The newest ${DATA.daily / 7} weeks are kept by the day, older ones by the week.` +
    (DATA.periods.length < DATA.all_periods.length ? ` Periods longer than ${DATA.periods.at(-1)} days are left out, to keep this page small: bookings report --location makes one for a location.` : "");
  freshness();
  if (!DATA.combos.length) {
    el("filters").hidden = true;
    el("showing").hidden = true;
    el("main").prepend(make("p", {class: "nothing"}, "There are no bookings yet. They will be here after the first sync that finds some."));
    for (const id of ["tiles", "cards"]) el(id).hidden = true;
    document.body.dataset.drawn = "yes";
    return;
  }
  segments(el("periods"), "period", PERIODS.map((period) => [period.id, period.name]), (value) => { choice.period = value; show(); });
  for (const filter of FILTERS) el(filter).addEventListener("change", (event) => { choice[filter] = event.target.value; show(); });
  el("reset").addEventListener("click", () => { for (const filter of FILTERS) choice[filter] = ""; show(); el("location").focus(); });
  el("filters").addEventListener("submit", (event) => event.preventDefault());
  const followAddress = () => { readAddress(); show(); };
  addEventListener("hashchange", followAddress);
  followAddress();
}

start();
