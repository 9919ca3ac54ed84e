// Page: draws everything, once at the start and again after each choice.
function show() {
  fillFilters();
  writeAddress();
  const period = periodOf(choice.period);
  const scope = scopeOf(choice);
  fillPeriod(period, scope);
  const now = total(scope, period.range);
  const before = period.before && reaches(scope, period.before) ? total(scope, period.before) : null;
  const series = bins(scope, period.range, period.grain);
  el("showing").textContent = showingWords(period, scope, now, before);
  todaySection(scope);
  el("tiles").replaceChildren(...tilesOf(now, before, period, scope));
  compareCard(scope, period);
  earlyTable(scope);
  moreFigures(scope);
  // Print has only the definitions of figures that the page shows.
  for (const meaning of el("meanings").children)
    meaning.toggleAttribute("data-used", Boolean(document.querySelector(`a.means[href="#${meaning.id}"]`)));
  // The future has no show rate. Early show rates are not known by member or source.
  for (const id of ["rate", "leads"]) el(id).hidden = period.isAhead;
  el("early").hidden = period.isAhead || !areSeatsKnown(choice);
  el("cards").classList.toggle("ahead", period.isAhead);
  const drawing = [
    trendCard(series, period),
    funnelCard(now, period),
    heatCard(scope, period),
    loadsCard(scope, period),
    ...(period.isAhead ? [] : [rateCard(scope, period, series, now), leadsCard(scope, period)]),
  ];
  document.body.dataset.drawn = "no";
  const turn = (show.turn = (show.turn ?? 0) + 1);
  Promise.all(drawing).then(() => {
    if (turn === show.turn) document.body.dataset.drawn = "yes";
  });
}

/** The days and filters of the figures, and what their changes are relative to. */
function showingWords(period, scope, now, before) {
  const {from, to, dated} = period.range;
  const [first, last] = [from, to - 1].map((day) => dayWords(dayOf(day, scope, dated), {year: "numeric"}));
  const of = FILTERS.map((filter) => choice[filter])
    .filter(Boolean)
    .join(" · ");
  const compared = before
    ? ` Changes are from the ${period.days === 1 ? "day" : `${period.days} days`} before.`
    : " The calendar does not reach back far enough to compare.";
  return (
    `${first} to ${last}${of && ` · ${of}`}: ${count(now.bookings)} booking${now.bookings === 1 ? "" : "s"}` +
    (period.isAhead ? " so far." : `.${compared}`)
  );
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  el("theme").textContent = theme === "dark" ? "Use light colours" : "Use dark colours";
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
  el("lede").textContent =
    names.length === 0 ? "No location yet" : names.length <= 4 ? names.join(" · ") : `${names.length} locations`;
  el("made").textContent =
    `Made by bookings report ${DATA.past ? "as of" : "on"} ${moment(DATA.written_at)}. This page loads nothing from the network and holds no ` +
    `contacts’ data${DATA.named ? "; it names members of staff" : ", and no names of staff"}.`;
  el("bounds").textContent =
    (DATA.periods.length < DATA.all_periods.length
      ? `Periods longer than ${DATA.periods.at(-1)} days are left out, to keep this page small. ` +
        "To see them, make a page of one location with bookings report --location. "
      : "") + `A source is named if at least ${DATA.fewest_contacts} contacts of a location share it.`;
  meanings();
  freshness();
  if (!DATA.combos.length) {
    el("filters").hidden = true;
    el("main").prepend(
      make("p", {class: "nothing"}, "There are no bookings yet. They appear after the first sync that finds some."),
    );
    for (const id of ["today", "figures-form", "tiles", "cards", "early", "more"]) el(id).hidden = true;
    document.body.dataset.drawn = "yes";
    return;
  }
  segments(
    el("periods"),
    "period",
    PERIODS.map((period) => [period.id, period.name]),
    (value) => {
      choice.period = value;
      show();
    },
  );
  el("month").addEventListener("change", (event) => {
    choice.period = event.target.value || DEFAULT;
    show();
  });
  for (const input of [el("from"), el("to")])
    input.addEventListener("change", () => {
      if (chooseDates(input)) show();
    });
  el("more").addEventListener("toggle", () => moreFigures(scopeOf(choice)));
  hinting.observe(el("compare-table"));
  hinting.observe(el("early-table"));
  for (const filter of FILTERS)
    el(filter).addEventListener("change", (event) => {
      choice[filter] = event.target.value;
      show();
    });
  el("reset").addEventListener("click", () => {
    for (const filter of FILTERS) choice[filter] = "";
    show();
    el("location").focus();
  });
  for (const form of document.forms) form.addEventListener("submit", (event) => event.preventDefault());
  const followAddress = () => {
    // A hash without "=" is a link to a part of the page, such as #freshness, and not a choice.
    if (location.hash && !location.hash.includes("=") && document.body.dataset.drawn) return;
    readAddress();
    show();
  };
  addEventListener("hashchange", followAddress);
  followAddress();
}

start();
