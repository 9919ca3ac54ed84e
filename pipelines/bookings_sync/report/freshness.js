// Freshness: how old the figures are, and what they leave out. In: the freshness of each location, rejected records,
// drift. Out: the banner and the tables below the charts.
const STALE_HOURS = 24;

/** One location by name or several by number, with the right form of the verb. */
const subject = (some, one, many) =>
  some.length === 1 ? `${some[0].name} ${one}` : `${some.length} locations ${many}`;

/** What makes the figures old or incomplete, in a few words each; empty if nothing does. */
function problems() {
  const read = DATA.freshness.filter((each) => each.fresh_at);
  const unread = DATA.freshness.filter((each) => !each.fresh_at);
  const stale = read.filter((each) => Date.now() - Date.parse(each.fresh_at) > STALE_HOURS * 3600000);
  const partly = read.filter((each) => each.covered < 0.9995);
  const rejected = DATA.rejections.reduce((all, each) => all + each.records, 0);
  const odd = DATA.unusable.reduce((all, each) => all + each.records, 0);
  const old = stale.length === DATA.freshness.length ? "the data is" : subject(stale, "is", "are");
  return [
    unread.length && `${subject(unread, "has", "have")} not been read in full yet`,
    stale.length && `${old} more than a day old`,
    partly.length && `${subject(partly, "has", "have")} no complete history yet`,
    DATA.last_outcome && DATA.last_outcome !== "ok" && `the last sync ended ${DATA.last_outcome}`,
    rejected === 1 && "1 record does not fit and is not counted",
    rejected > 1 && `${count(rejected)} records do not fit and are not counted`,
    odd === 1 && "1 value cannot be used",
    odd > 1 && `${count(odd)} values cannot be used`,
  ].filter(Boolean);
}

function freshness() {
  el("freshness").hidden = DATA.past;
  if (DATA.past) {
    el("banner").textContent =
      `As it stood on ${moment(DATA.written_at)}. Later bookings, changes and marks are not included.`;
    return;
  }
  const known = DATA.freshness.filter((each) => each.fresh_at);
  const found = problems();
  const oldest = known.map((each) => each.fresh_at).sort()[0];
  const banner = el("banner");
  banner.classList.toggle("warn", found.length > 0);
  const read = oldest ? `Calendar read ${ago(oldest)}` : "The calendar has not been read yet";
  const text = found.length ? `${read}; ${found.join("; ")}. ` : `${read}, all of it, every record counted. `;
  banner.replaceChildren(make("span", {}, text, unseenWords(known), make("a", {href: "#freshness"}, "Details")));
  const when = (iso) => (iso ? `${moment(iso)}` : "never");
  el("freshness-body").replaceChildren(
    scrollTable(
      "Freshness of each location",
      ["Location", "Time zone", "Read", "History complete from", "Of history read", "Oldest part read", "Changes seen within"],
      DATA.freshness.map((each) => [
        each.name,
        zoneWords(each),
        when(each.fresh_at),
        each.history_from ? dayWords(each.history_from, {year: "numeric"}) : NONE,
        percent(Math.floor(each.covered * 1000) / 1000),
        when(each.oldest_read_at),
        each.unseen_p95 ? `${lasting(each.unseen_p50)}; 95 %: ${lasting(each.unseen_p95)}` : NONE,
      ]),
    ),
    ...(DATA.freshness.some(isGuessed) ? [guessedZones()] : []),
    ...(DATA.rejections.length
      ? [
          make("p", {class: "sub"}, "Records that do not fit their table are kept separately and not counted above:"),
          scrollTable(
            "Rejected records",
            ["Location", "Table", "Why", "Records"],
            DATA.rejections.map((each) => [each.location, each.table, each.reason, count(each.records)]),
          ),
        ]
      : []),
    ...(DATA.unusable.length
      ? [
          make(
            "p",
            {class: "sub"},
            "Values that cannot be used, such as a start that is no time. Figures do without them:",
          ),
          scrollTable(
            "Unusable values",
            ["Location", "Table", "Column", "Why", "Records", "Such as"],
            DATA.unusable.map((each) => [
              each.location,
              each.table,
              each.column,
              each.reason,
              count(each.records),
              each.examples,
            ]),
          ),
        ]
      : []),
    ...(DATA.drift.length ? [driftDetails()] : []),
  );
}

/** How long the changes of the last day were unseen, in the location where that was longest. */
function unseenWords(known) {
  const slowest = (key) => Math.max(...known.map((each) => each[key] ?? 0));
  const half = slowest("unseen_p50");
  return half ? `Changes of the last day were seen within ${lasting(half)}, 95 % within ${lasting(slowest("unseen_p95"))}. ` : "";
}

/** A length of time in words. */
function lasting(seconds) {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

/** Whether a time zone with this source is a guess: neither the configuration nor the API names it. */
const isGuess = (source) => !["configured", "API"].includes(source);

const isGuessed = (each) => each.timezone && isGuess(each.timezone_source);

/** A location's time zone, and where a guess comes from. */
const zoneWords = (each) =>
  !each.timezone ? NONE : isGuessed(each) ? `${each.timezone} (guessed: ${each.timezone_source})` : each.timezone;

function guessedZones() {
  return make(
    "p",
    {class: "sub"},
    "A guessed time zone may be wrong, and then all days and hours here are. To set it, write timezone under " +
      "[sources.bookings.locations.LOCATION] in .dlt/config.toml, then run bookings transform.",
  );
}

/** The fields that the API sends and no column holds. */
function driftDetails() {
  const fields = DATA.drift.length === 1 ? "1 field" : `${count(DATA.drift.length)} fields`;
  return make(
    "details",
    {},
    make("summary", {}, `${fields} that the API sends and no column holds yet`),
    make("p", {class: "sub"}, "Nothing is lost: the raw tables keep the values in the column extra."),
    scrollTable(
      "Fields without a column",
      ["Field", "Table", "Records", "Since"],
      DATA.drift.map((each) => [each.field, each.table, count(each.records), dayWords(each.since, {year: "numeric"})]),
    ),
  );
}
