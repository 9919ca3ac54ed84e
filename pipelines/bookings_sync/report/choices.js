// Choices: period and filters, kept in the form and in the address. In: the names of the figures. Out: `choice`.
const el = (id) => document.getElementById(id);
const FILTERS = ["location", "team", "service", "member", "source"];
const ANY = {
  location: "All locations",
  team: "All teams",
  service: "All services",
  member: "All members",
  source: "All sources",
};
const DEFAULT = PERIODS[Math.min(1, PERIODS.length - 2)].id;
const choice = {period: DEFAULT, ...Object.fromEntries(FILTERS.map((filter) => [filter, ""])), by: ""};

const byName = (one, other) => one.localeCompare(other, "en", {numeric: true});

/** The names that a filter offers, given the filters before it. */
function options(filter) {
  if (filter === "source") return [...DATA.sources].sort(byName);
  const {places} = scopeOf({...choice, member: ""});
  if (filter === "member") return [...new Set(MEMBERS.filter((_, at) => places[DATA.members[at][0]]))].sort(byName);
  const others = scopeOf({
    ...choice,
    [filter]: "",
    ...(filter === "location" ? {team: "", service: ""} : filter === "team" ? {service: ""} : {}),
  }).combos;
  const place = FILTERS.indexOf(filter);
  const names = [DATA.locations.map((each) => each.name), DATA.teams, DATA.services][place];
  return [...new Set(DATA.combos.filter((_, at) => others[at]).map((combo) => names[combo[place]]))].sort(byName);
}

/** Fills the filters. Clears a choice that a filter no longer offers. */
function fillFilters() {
  for (const filter of FILTERS) {
    const names = options(filter);
    if (!names.includes(choice[filter])) choice[filter] = "";
    const select = el(filter);
    select.replaceChildren(
      make("option", {value: ""}, ANY[filter]),
      ...names.map((name) => make("option", {value: name}, name)),
    );
    select.value = choice[filter];
    select.parentElement.hidden = names.length < 2 && !choice[filter];
  }
  el("reset").hidden = FILTERS.every((filter) => !choice[filter]);
}

/** Shows the period in its three inputs: the fixed periods, the months, and the dates. */
function fillPeriod(period, scope) {
  for (const radio of document.querySelectorAll("#periods input")) radio.checked = radio.value === period.id;
  el("month").replaceChildren(
    make("option", {value: ""}, "Choose"),
    ...MONTHS.map((month) => make("option", {value: month}, monthWords(month))),
  );
  el("month").value = MONTHS.includes(period.id) ? period.id : "";
  el("month").parentElement.hidden = !MONTHS.length;
  const {from, to, dated} = period.range;
  el("from").value = dayOf(from, scope, dated);
  el("to").value = dayOf(to - 1, scope, dated);
  for (const input of [el("from"), el("to")]) [input.min, input.max] = [FIRST_DAY, LAST_DAY];
}

/** Chooses the range in the two date inputs. While a year is being typed its dates are out of bounds, and wait. */
function chooseDates(changed) {
  const [first, last] = [el("from"), el("to")];
  if (![first, last].every((input) => input.value && !input.validity.rangeUnderflow && !input.validity.rangeOverflow))
    return false;
  if (first.value > last.value) (changed === first ? last : first).value = changed.value;
  choice.period = `${first.value}..${last.value}`;
  return true;
}

function segments(parent, name, entries, onChange) {
  parent.replaceChildren(
    ...entries.map(([value, label]) => {
      const input = make("input", {type: "radio", name, value});
      input.addEventListener("change", () => onChange(value));
      return make("label", {}, input, make("span", {}, label));
    }),
  );
}

/** Reads the choice from the address, so that views can be linked to. */
function readAddress() {
  const address = new URLSearchParams(location.hash.slice(1));
  for (const name of [...FILTERS, "by"]) choice[name] = address.get(name) ?? "";
  choice.period = periodOf(address.get("period")) ? address.get("period") : DEFAULT;
}

function writeAddress() {
  const address = new URLSearchParams(
    ["period", ...FILTERS, "by"].filter((name) => choice[name]).map((name) => [name, choice[name]]),
  );
  history.replaceState(null, "", `#${address}`);
  document.body.dataset.shown = address;
}
