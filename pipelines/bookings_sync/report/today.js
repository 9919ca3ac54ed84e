// Today: the day's work, before the period's figures. In: DATA.day and the scope. Out: the section #today, with a
// block for each location, because each has its own clock. Days are named by the clock of the reader's browser, so a page
// that was made yesterday does not call its first day today.
const MOST_LISTED = 200;
const OLD_FREE_MINUTES = 24 * 60;
const openPlaces = new Set();

const dayTables = {};

/** The rows of one of the section's tables as objects, of one location and a scope. */
function dayRows(name, place, scope) {
  const {at, size} = (dayTables[name] ??= counted(DATA.day[name]));
  const rows = Array.from({length: size}, (_, row) =>
    Object.fromEntries(Object.entries(at).map(([column, values]) => [column, values[row]])),
  );
  return rows.filter(
    ({combo, location, member}) =>
      (at.combo ? scope.combos[combo] && DATA.combos[combo][0] === place : location === place) &&
      (!scope.members || !at.member || scope.members[member]),
  );
}

const clock = (minute) => `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;
const serviceOf = (row) => DATA.services[DATA.combos[row.combo][2]];
const memberName = (member) => DATA.members[member][1];
const memberOf = (row) => memberName(row.member);
/** Compares members by name, with the row of bookings that nobody takes last. Two members may have one name. */
const byMember = (a, b) =>
  (memberName(a) === "Nobody") - (memberName(b) === "Nobody") || byName(memberName(a), memberName(b)) || a - b;
const membersOf = (rows) => [...new Set(rows.map((row) => row.member))].sort(byMember);
const byTime = (a, b) => a.age - b.age || a.minute - b.minute;
const timeOf = (row, days) => `${days.short(row.age).replace(/ /g, "\u00a0")}\u00a0${clock(row.minute)}`;
const many = (number, one, more = `${one}s`) => `${count(number)} ${number === 1 ? one : more}`;

/** A location's days: the date of each age, and its name as the reader's clock has it now. */
function calendarOf(place) {
  const zone = DATA.day.zones[place][0];
  const dateOf = (age) => new Date(Date.parse(DATA.locations[place].today) + age * DAY).toISOString().slice(0, 10);
  let now;
  try {
    now = new Intl.DateTimeFormat("en-CA", {timeZone: zone}).format(new Date());
  } catch {
    now = new Date().toISOString().slice(0, 10); // a zone that the browser does not know
  }
  const relative = (age) => {
    const days = Math.round((Date.parse(dateOf(age)) - Date.parse(now)) / DAY);
    return DATA.past ? null : {[-1]: "Yesterday", 0: "Today", 1: "Tomorrow"}[days];
  };
  const plain = (age) => dayWords(dateOf(age), {weekday: "short"});
  return {
    isNow: relative(0) === "Today",
    plain,
    short: (age) => relative(age) ?? plain(age),
    long: (age) => [relative(age), plain(age)].filter(Boolean).join(", "),
  };
}

function dayPanel(place, age, all, scope, days) {
  const bookings = all.filter((row) => row.age === age);
  const duty = isWholeStaff(choice) ? dayRows("duty", place, scope).filter((each) => each.age === age) : [];
  const unsure = bookings.filter(isToConfirm).length;
  const people = new Set(duty.map((each) => each.member)).size;
  const on = people ? `${people === 1 ? "1 member has" : `${people} members have`} working hours.` : "";
  const line = bookings.length
    ? many(bookings.length, "booking") + (unsure ? `, ${count(unsure)} not confirmed` : "")
    : `Nothing is booked. ${on}`;
  const title = days.long(age);
  return make(
    "div",
    {class: "panel day"},
    make("h3", {}, title),
    make("p", {class: "sub"}, line),
    bookings.length ? dayGrid(bookings, duty, `Bookings by member and hour: ${title}`) : null,
    bookings.length ? make("p", {class: "key"}, keyOf(bookings, duty)) : null,
  );
}

/** A table of the first rows, and how many more there are. */
function listed(label, columns, rows) {
  const left = rows.length - MOST_LISTED;
  return [
    scrollTable(label, columns, rows.slice(0, MOST_LISTED)),
    left > 0 ? make("p", {class: "sub"}, `And ${count(left)} more.`) : null,
  ];
}

function confirmPanel(all, days) {
  const open = all.filter(isToConfirm).sort(byTime);
  return make(
    "div",
    {class: "panel confirm"},
    make("h3", {}, "To confirm"),
    ...(open.length
      ? listed(
          "Bookings to confirm",
          ["When", "Service", "Member"],
          open.map((row) => [timeOf(row, days), serviceOf(row), memberOf(row)]),
        )
      : [
          make(
            "p",
            {class: "sub"},
            `Every booking to come ${days.isNow ? "today and tomorrow" : "on these days"} is confirmed.`,
          ),
        ]),
  );
}

function markPanel(place, scope, days) {
  const open = dayRows("to_mark", place, scope).sort(byTime);
  const title = make("h3", {}, "To mark");
  if (!open.length)
    return make(
      "div",
      {class: "panel mark"},
      title,
      make("p", {class: "sub"}, "Every booking of the last 28 days is marked."),
    );
  const rows = membersOf(open).map((member) => {
    const own = open.filter((row) => row.member === member);
    return [memberName(member), count(own.length), days.short(own[0].age)];
  });
  return make(
    "div",
    {class: "panel mark"},
    title,
    make(
      "p",
      {class: "sub"},
      `${many(open.length, "booking")} of the last 28 days ${open.length === 1 ? "has" : "have"} no mark yet.`,
    ),
    scrollTable("Bookings to mark, by member", ["Member", "To mark", "Oldest"], rows),
    make(
      "details",
      {},
      make("summary", {}, "Show each booking"),
      ...listed(
        "Bookings to mark",
        ["When", "Service", "Member"],
        open.map((row) => [timeOf(row, days), serviceOf(row), memberOf(row)]),
      ),
    ),
  );
}

function freePanel(place, scope, days) {
  const free = dayRows("free", place, scope).sort(byTime);
  const title = make("h3", {}, "Next free times");
  if (!free.length)
    return make(
      "div",
      {class: "panel free"},
      title,
      make("p", {class: "sub"}, "No free time is known in the next 28 days."),
    );
  const read = Math.max(...free.map((row) => row.read));
  const readAt = new Date(Date.parse(DATA.written_at) - read * 60000).toISOString();
  const late = read > OLD_FREE_MINUTES || Date.now() - Date.parse(readAt) > OLD_FREE_MINUTES * 60000;
  const told = `Read ${DATA.past ? `on ${moment(readAt)}` : ago(readAt)}${late ? ": some may be taken by now" : ""}.`;
  const when = (row) => timeOf(row, days);
  const seats = (row) => (row.seats > 1 ? ` (${row.seats}\u00a0places)` : "");
  const services = [...new Set(free.map(serviceOf))].sort(byName);
  const members = dayRows("free_members", place, scope).sort(
    (a, b) => byName(serviceOf(a), serviceOf(b)) || byTime(a, b) || byMember(a.member, b.member),
  );
  const byService = scrollTable(
    "Next free times by service",
    ["Service", "Next", "Then"],
    services.map((name) => {
      const own = free.filter((row) => serviceOf(row) === name);
      const [, ...others] = new Set(own.map(when));
      return [name, when(own[0]) + seats(own[0]), others.slice(0, 2).join(" · ") || NONE];
    }),
  );
  const perMember = scrollTable(
    "Next free time by service and member",
    ["Service", "Member", "Next"],
    members.map((row) => [serviceOf(row), memberOf(row), when(row)]),
  );
  const none = make("p", {class: "sub"}, "No free time of this member is among the next ones.");
  const ofMember = members.length ? perMember : none;
  const more = members.length ? make("details", {}, make("summary", {}, "By member"), perMember) : null;
  return make(
    "div",
    {class: "panel free"},
    title,
    make("p", {class: "sub"}, read < 0 ? "It is not known when they were read." : told),
    ...(scope.members ? [ofMember] : [byService, more]),
  );
}

function yesterdayLine(place, scope, days) {
  const here = {...scope, combos: scope.combos.map((each, at) => each && DATA.combos[at][0] === place), sources: null};
  const was = total(here, {from: -1, to: 0, dated: false});
  const parts = [
    `${count(was.showed)} showed`,
    many(was.noshow, "no-show"),
    `${count(was.cancelled)} cancelled`,
    was.invalid ? `${count(was.invalid)} invalid` : null,
    `${count(was.open)} still to mark`,
  ];
  const words = was.bookings
    ? `${many(was.bookings, "booking")}: ${parts.filter(Boolean).join(", ")}.`
    : "no bookings.";
  return make("p", {class: "yesterday"}, make("b", {}, days.long(-1)), ` – ${words}`);
}

function zoneLine(place) {
  const [zone, source] = DATA.day.zones[place];
  if (!isGuess(source)) return make("p", {class: "sub"}, `Times are those of ${zone}.`);
  const guess = source === "default" ? "no time zone is known" : `a guess from ${source}`;
  const text = `Times are those of ${zone}: ${guess}. `;
  const fix = DATA.past ? null : make("a", {href: "#freshness"}, "How to set it");
  return make("p", {class: "sub"}, text, fix);
}

function placeContent(place, scope, bookings, days) {
  return [
    days.isNow || DATA.past
      ? null
      : make(
          "p",
          {class: "old"},
          `This page shows what was known on ${moment(DATA.written_at)}. For the bookings of today, make a new page with bookings report.`,
        ),
    yesterdayLine(place, scope, days),
    zoneLine(place),
    dayPanel(place, 0, bookings, scope, days),
    dayPanel(place, 1, bookings, scope, days),
    make(
      "div",
      {class: "panels"},
      confirmPanel(bookings, days),
      markPanel(place, scope, days),
      freePanel(place, scope, days),
    ),
  ].filter(Boolean);
}

/** One location among several: a line with its numbers, which opens its day. */
function placeDetails(place, scope) {
  const days = calendarOf(place);
  const bookings = dayRows("bookings", place, scope);
  const on = (age) => `${count(bookings.filter((row) => row.age === age).length)} on ${days.short(age)}`;
  const [today, tomorrow] = [on(0), on(1)].map((words) =>
    words.replace(/on (Today|Tomorrow|Yesterday)/, (_, day) => day.toLowerCase()),
  );
  const numbers =
    `${today}, ${tomorrow} · ${count(bookings.filter(isToConfirm).length)} to confirm · ` +
    `${count(dayRows("to_mark", place, scope).length)} to mark`;
  const name = DATA.locations[place].name;
  const details = make(
    "details",
    {class: "place"},
    make("summary", {}, make("b", {}, name), make("span", {}, ` ${numbers}`)),
  );
  const fill = () => {
    if (details.open && details.children.length === 1) details.append(...placeContent(place, scope, bookings, days));
  };
  details.open = openPlaces.has(name);
  fill();
  details.addEventListener("toggle", () => {
    openPlaces[details.open ? "add" : "delete"](name);
    fill();
  });
  return details;
}

function todaySection(scope) {
  const inPlace = scope.places;
  const held = new Set(DATA.combos.filter((_, at) => scope.combos[at]).map(([place]) => place));
  const places = DATA.locations
    .map((_, at) => at)
    .filter((at) => inPlace[at] && (isWholeStaff(choice) || held.has(at)));
  el("today").hidden = !places.length;
  if (!places.length) return;
  const first = calendarOf(places[0]);
  el("today-title").textContent = first.isNow ? "Today and tomorrow" : `${first.plain(0)} and ${first.plain(1)}`;
  el("today-body").replaceChildren(
    ...(places.length === 1
      ? placeContent(places[0], scope, dayRows("bookings", places[0], scope), first)
      : places.map((place) => placeDetails(place, scope))),
  );
}
