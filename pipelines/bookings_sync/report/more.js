// More: cohorts, first changes, fairness and no-show risk, in a folded section. In: the counts of four marts. Out: four
// tables for the current choice.
const MORE = Object.fromEntries(
  ["cohorts", "first_changes", "fairness", "risks"].map((name) => [name, counted(DATA.more[name])]),
);
const ALWAYS = {from: -Infinity, to: Infinity};

function moreFigures(scope) {
  if (!el("more").open) return;
  const parts = [riskTable(scope), fairnessTable(scope), cohortTable(scope), firstChangeTable(scope)];
  el("more-body").replaceChildren(...parts.flat());
}

/** A part of the section: a heading that links to its definition, a sentence, and a table or a word that there is none. */
function morePart(title, metric, sub, columns, rows) {
  return [
    make("h3", {}, titled(title, metric)),
    make("p", {class: "sub"}, sub),
    rows.length ? scrollTable(title, columns, rows) : make("p", {class: "nothing"}, "Nothing known for this choice."),
  ];
}

/** A cell that draws a rate as a point in its interval, on a scale from 0 to `most`. */
function rangeCell(rate, most) {
  if (rate.isTooFew) return make("td", {class: "range"});
  const at = (value) => `${(Math.min(1, value / most) * 100).toFixed(1)}%`;
  return make(
    "td",
    {class: "range"},
    make("i", {style: `left:${at(rate.low)};right:calc(100% - ${at(rate.high)})`}),
    make("b", {style: `left:${at(rate.value)}`}),
  );
}

const RISKS = ["prior no-shows", "lead time", "weekday", "hour"];

function riskTable(scope) {
  const found = sums(MORE.risks, scope, ALWAYS, (row, at) => at.risk[row]);
  const rows = DATA.more.risk_labels
    .map(([by, label], place) => ({by, label, ...(found.get(place) ?? {marked: 0, noshow: 0})}))
    .filter((row) => row.marked)
    .map((row) => ({...row, rate: rateOf(row.noshow, row.marked)}))
    .sort((one, other) => RISKS.indexOf(one.by) - RISKS.indexOf(other.by));
  const most = Math.max(0.1, ...rows.filter((row) => !row.rate.isTooFew).map((row) => row.rate.high));
  const names = [...new Set(rows.map((row) => row.by))];
  const clear = names
    .map((by) => [
      by,
      clearlyHighest(
        rows.filter((row) => row.by === by),
        (row) => row.rate,
      ),
    ])
    .filter(([, top]) => top);
  const words = clear.length
    ? `Clearly highest: ${clear.map(([by, top]) => `${by} ${top.label}`).join("; ")}.`
    : "Nothing stands out: all intervals overlap another.";
  return morePart(
    "No-show risk",
    "noshow_rate",
    `All marked bookings that were read, whatever the period. ${rows.length ? words : ""}`,
    ["Bookings", "No-show rate", "95 % interval", `From 0 to ${percent(most, 0)}`, "No-shows"],
    rows.map((row) => [
      `${capital(row.by)}: ${row.label}`,
      rateCell(row.rate),
      betweenWords(row.rate) ?? NONE,
      rangeCell(row.rate, most),
      count(row.noshow),
    ]),
  );
}

/** Each member's share of a service, next to an equal share. More or less is said only if the interval leaves it out. */
function fairnessTable(scope) {
  const found = sums(MORE.fairness, scope, ALWAYS, (row, at) => `${DATA.combos[at.combo[row]][2]} ${at.member[row]}`);
  const rows = [...found].map(([key, each]) => {
    const [service, member] = key.split(" ").map(Number);
    const share = rateOf(each.bookings, each.service_bookings);
    const equal = each.equal / 100 / each.service_bookings;
    const verdict = share.isTooFew
      ? "too few"
      : share.low > equal
        ? "more than equal"
        : share.high < equal
          ? "less than equal"
          : "no clear difference";
    return {service: DATA.services[service], member: MEMBERS[member], share, equal, verdict};
  });
  rows.sort((one, other) => byName(one.service, other.service) || byName(one.member, other.member));
  const monday = plusDays(TODAY, -((new Date(TODAY).getUTCDay() + 6) % 7));
  return morePart(
    "Fairness",
    "load_index",
    `Each member’s share of a service’s bookings, from ${dayWords(plusDays(monday, -84))} to ` +
      `${dayWords(plusDays(monday, -1), {year: "numeric"})}: 12 full weeks, because a member may join or leave a service ` +
      "each week. Weeks before the first sync are left out: who was assigned then is not known.",
    ["Member", "Service", "Share", "95 % interval", "Equal share", "Compared"],
    rows.map((row) => [
      row.member,
      row.service,
      rateCell(row.share),
      betweenWords(row.share) ?? NONE,
      percent(row.equal, 0),
      row.verdict,
    ]),
  );
}

function cohortTable(scope) {
  const {at, size} = MORE.cohorts;
  const cells = new Map();
  for (let row = 0; row < size; row++) {
    if (!scope.places[at.location[row]]) continue;
    const key = `${at.month[row]} ${at.months_since[row]}`;
    const cell = cells.get(key) ?? {
      month: at.month[row],
      since: at.months_since[row],
      contacts: 0,
      active: 0,
      early: 0,
    };
    cell.contacts += at.contacts[row];
    cell.active += at.active[row];
    cell.early += at.is_first_months[row];
    cells.set(key, cell);
  }
  const months = [...new Set([...cells.values()].map((cell) => cell.month))].sort((one, other) => one - other);
  const most = Math.max(0, ...[...cells.values()].map((cell) => cell.since));
  const since = Array.from({length: most}, (_, place) => place + 1);
  const name = (month) => monthWords(`${Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, "0")}`);
  return morePart(
    "Cohorts",
    "retention_rate",
    "Of the contacts who first came in a month, the share that came again 1, 2, … months later, in all services. * Of " +
      "the first months that were read, some had come before.",
    ["First visit", "Contacts", ...since.map((months) => `${months} month${months > 1 ? "s" : ""} later`)],
    months.map((month) => [
      name(month) + (cells.get(`${month} 0`)?.early ? " *" : ""),
      count(cells.get(`${month} 0`)?.contacts ?? 0),
      ...since.map((months) => {
        const cell = cells.get(`${month} ${months}`);
        return cell ? rateCell(rateOf(cell.active, cell.contacts)) : NONE;
      }),
    ]),
  );
}

const spanWords = (time) => (time < 48 ? hours(time) : `${count(time / 24)} days`);

function firstChangeTable(scope) {
  const found = sums(MORE.first_changes, scope, ALWAYS, (row, at) => at.change[row]);
  const rows = [...found]
    .map(([change, each]) => ({...each, change: DATA.more.changes[change]}))
    .map((row) => ({...row, isKnown: row.change !== "not known"}))
    .sort(
      (one, other) =>
        other.isKnown - one.isKnown || other.bookings - one.bookings || byName(one.change, other.change),
    );
  const known = rows.reduce((sum, each) => sum + (each.isKnown ? each.bookings : 0), 0);
  return morePart(
    "First change",
    "first_change",
    "What a sync saw happen first to a booking. Shares are of the bookings with a known first change. Not known: the first " +
      "sync already found the booking changed, or nobody knows if it was.",
    ["First change", "Bookings", "Share of known", "95 % interval", "Time from booking, on average"],
    rows.map((row) => {
      const share = rateOf(row.isKnown ? row.bookings : 0, row.isKnown ? known : 0);
      return [
        statusWords(row.change),
        count(row.bookings),
        rateCell(share),
        betweenWords(share) ?? NONE,
        row.timed >= FEWEST ? spanWords(row.minutes / row.timed / 60) : row.timed ? "too few" : NONE,
      ];
    }),
  );
}
