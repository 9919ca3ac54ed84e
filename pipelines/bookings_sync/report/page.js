// Page: draws everything, once at the start and again after each choice.
function show() {
  fillFilters();
  writeAddress();
  const period = PERIODS.find((each) => each.id === choice.period);
  const chosen = chosenBy(choice);
  const now = total(chosen, period.range);
  const before = period.before && reaches(chosen, period.before[0]) ? total(chosen, period.before) : null;
  const series = bins(chosen, period);
  const [first, last] = [dayOf(period.range[0], chosen), dayOf(period.range[1] - 1, chosen)];
  const of = FILTERS.map((filter) => choice[filter])
    .filter(Boolean)
    .join(" · ");
  const days = `${dayWords(first, {year: "numeric"})} to ${dayWords(last, {year: "numeric"})}`;
  const compared = before
    ? `, compared with the ${period.days} days before.`
    : ". The calendar does not reach back far enough to compare.";
  el("showing").textContent =
    `${days}${of && ` · ${of}`}: ${count(now.bookings)} booking${now.bookings === 1 ? "" : "s"}` +
    (period.before ? compared : ", so far.");
  todaySection(chosen);
  el("tiles").replaceChildren(...tilesOf(now, before, period, series));
  compareCard(chosen, period);
  earlyTable(chosen);
  // The future has no show rate.
  for (const id of ["rate", "leads", "early"]) el(id).hidden = !period.before;
  el("cards").classList.toggle("ahead", !period.before);
  const drawing = [
    trendCard(series, period),
    funnelCard(now, period),
    heatCard(chosen, period),
    loadsCard(chosen, period),
    ...(period.before ? [rateCard(series, now), leadsCard(chosen, period)] : []),
  ];
  document.body.dataset.drawn = "no";
  const turn = (show.turn = (show.turn ?? 0) + 1);
  Promise.all(drawing).then(() => {
    if (turn === show.turn) document.body.dataset.drawn = "yes";
  });
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
  el("lede").textContent =
    names.length === 0 ? "No location yet" : names.length <= 4 ? names.join(" · ") : `${names.length} locations`;
  el("made").textContent =
    `Made by bookings report ${DATA.past ? "as of" : "on"} ${moment(DATA.written_at)}. This page loads nothing from the network and holds no ` +
    `contacts’ data${DATA.named ? "; it names members of staff" : ", and no names of staff"}.`;
  el("bounds").textContent =
    `The newest ${DATA.daily / 7} weeks are kept by the day, older ones by the week.` +
    (DATA.periods.length < DATA.all_periods.length
      ? ` Periods longer than ${DATA.periods.at(-1)} days are left out, to keep this page small. ` +
        "To see them, make a page of one location with bookings report --location."
      : "");
  meanings();
  freshness();
  if (!DATA.combos.length) {
    el("filters").hidden = true;
    el("showing").hidden = true;
    el("main").prepend(
      make(
        "p",
        {class: "nothing"},
        "There are no bookings yet. They appear after the first sync that finds some.",
      ),
    );
    for (const id of ["today", "tiles", "cards", "early"]) el(id).hidden = true;
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
  el("filters").addEventListener("submit", (event) => event.preventDefault());
  const followAddress = () => {
    // A hash without "=" is a link to a part of the page, such as #freshness, and not a choice.
    if (!location.hash || location.hash.includes("=")) readAddress();
    show();
  };
  addEventListener("hashchange", followAddress);
  followAddress();
}

start();
