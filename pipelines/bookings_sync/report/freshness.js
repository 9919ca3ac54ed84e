// Freshness: how old the figures are, and what is not in them. In: what the page says of its locations. Out: the banner
// and the tables below.
const STALE_HOURS = 24;

/** Who: one location by its name, several by their number, each with its form of the verb. */
const who = (some, one, many) => (some.length === 1 ? `${some[0].name} ${one}` : `${some.length} locations ${many}`);

/** What keeps the figures from being all there is, each in a few words; nothing where all is well. */
function troubles() {
  const read = DATA.freshness.filter((each) => each.fresh_at);
  const unread = DATA.freshness.filter((each) => !each.fresh_at);
  const stale = read.filter((each) => Date.now() - Date.parse(each.fresh_at) > STALE_HOURS * 3600000);
  const partly = read.filter((each) => each.covered < 0.9995);
  const rejected = DATA.rejections.reduce((all, each) => all + each.records, 0);
  const old = stale.length === DATA.freshness.length ? "the data is" : who(stale, "is", "are");
  return [
    unread.length && `${who(unread, "has", "have")} not been read in full yet`,
    stale.length && `${old} more than a day old`,
    partly.length && `${who(partly, "has", "have")} no complete history yet`,
    DATA.last_outcome && DATA.last_outcome !== "ok" && `the last sync ended ${DATA.last_outcome}`,
    rejected === 1 && "1 record does not fit and is not counted",
    rejected > 1 && `${count(rejected)} records do not fit and are not counted`,
  ].filter(Boolean);
}

function freshness() {
  el("freshness").hidden = DATA.past;
  if (DATA.past) {
    el("banner").textContent = `As it stood on ${moment(DATA.written_at)}. What came, changed or was marked since is not in it.`;
    return;
  }
  const known = DATA.freshness.filter((each) => each.fresh_at);
  const told = troubles();
  const oldest = known.map((each) => each.fresh_at).sort()[0];
  const banner = el("banner");
  banner.classList.toggle("warn", told.length > 0);
  const read = oldest ? `Calendar read ${ago(oldest)}` : "The calendar has not been read yet";
  const text = told.length ? `${read}; ${told.join("; ")}. ` : `${read}, all of it, every record counted. `;
  banner.replaceChildren(make("span", {}, text, make("a", {href: "#freshness"}, "Details")));
  const when = (iso) => (iso ? `${moment(iso)}` : "never");
  el("freshness-body").replaceChildren(
    make(
      "div",
      {class: "scroll", tabindex: "0", role: "region", "aria-label": "Freshness of each location"},
      tableOf(
        ["Location", "Read", "History complete from", "Of history read", "Oldest part read"],
        DATA.freshness.map((each) => [
          each.name,
          when(each.fresh_at),
          each.history_from ? dayWords(each.history_from, {year: "numeric"}) : NONE,
          percent(Math.floor(each.covered * 1000) / 1000),
          when(each.oldest_read_at),
        ]),
      ),
    ),
    ...(DATA.rejections.length
      ? [
          make("p", {class: "sub"}, "Records that do not fit their table are kept aside, and counted nowhere above:"),
          make(
            "div",
            {class: "scroll", tabindex: "0", role: "region", "aria-label": "Rejected records"},
            tableOf(
              ["Location", "Table", "Why", "Records"],
              DATA.rejections.map((each) => [each.location, each.table, each.reason, count(each.records)]),
            ),
          ),
        ]
      : []),
    ...(DATA.drift.length ? [driftDetails()] : []),
  );
}

/** What the API sends beyond the tables' columns. */
function driftDetails() {
  const fields = DATA.drift.length === 1 ? "1 field" : `${count(DATA.drift.length)} fields`;
  return make(
    "details",
    {},
    make("summary", {}, `${fields} that the API sends and no column holds yet`),
    make("p", {class: "sub"}, "Nothing is lost: their values stand in the raw tables’ column extra."),
    make(
      "div",
      {class: "scroll", tabindex: "0", role: "region", "aria-label": "Fields without a column"},
      tableOf(
        ["Field", "Table", "Records", "Since"],
        DATA.drift.map((each) => [each.field, each.table, count(each.records), dayWords(each.since, {year: "numeric"})]),
      ),
    ),
  );
}
