// Choices: period and filters, kept in the form and in the address. In: the names of the figures. Out: `choice`.
const el = (id) => document.getElementById(id);
const FILTERS = ["location", "team", "service"];
const ANY = {location: "All locations", team: "All teams", service: "All services"};
const choice = {period: PERIODS[Math.min(1, PERIODS.length - 2)].id, location: "", team: "", service: "", by: ""};

function options(filter) {
  const others = chosenBy({
    ...choice,
    [filter]: "",
    ...(filter === "location" ? {team: "", service: ""} : filter === "team" ? {service: ""} : {}),
  });
  const place = FILTERS.indexOf(filter);
  const names = [DATA.locations.map((each) => each.name), DATA.teams, DATA.services][place];
  return [...new Set(DATA.combos.filter((_, at) => others[at]).map((combo) => names[combo[place]]))].sort((a, b) =>
    a.localeCompare(b),
  );
}

/** Fills the filters. Clears a choice that the wider filter no longer offers. */
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
  for (const radio of document.querySelectorAll("#periods input")) radio.checked = radio.value === choice.period;
  el("reset").hidden = FILTERS.every((filter) => !choice[filter]);
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
  for (const filter of FILTERS) choice[filter] = address.get(filter) ?? "";
  if (PERIODS.some((period) => period.id === address.get("period"))) choice.period = address.get("period");
}

function writeAddress() {
  const address = new URLSearchParams(
    ["period", ...FILTERS].filter((name) => choice[name]).map((name) => [name, choice[name]]),
  );
  history.replaceState(null, "", `#${address}`);
  document.body.dataset.shown = address;
}
