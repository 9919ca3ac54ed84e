// Words: formats numbers, days and times, and makes the page's elements. Texts only ever become text nodes.
const whole = new Intl.NumberFormat("en-GB", {maximumFractionDigits: 0});
const tenth = new Intl.NumberFormat("en-GB", {maximumFractionDigits: 1});
const NONE = "–";

const count = (value) => whole.format(value);
/** "noshow" is how the API spells it. */
const statusWords = (status) => capital(status.replace("noshow", "no-show"));
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const hours = (value) => `${(value < 10 ? tenth : whole).format(value)} h`;
const percent = (value, digits = 1) => (value === null ? NONE : `${(value * 100).toFixed(digits)}%`);
/** A rate in whole percent, "too few" or nothing. Decimals would be finer than what a few hundred bookings can tell. */
const rateWords = (rate) =>
  !rate.whole
    ? NONE
    : rate.isTooFew
      ? "too few"
      : rate.value > 0 && rate.value < 0.005
        ? "under 1%"
        : percent(rate.value, 0);
/** A rate's 95 % interval in words, rounded outwards; null if it has none worth showing. */
const betweenWords = (rate) =>
  !rate.whole || rate.isTooFew
    ? null
    : `between ${Math.floor(rate.low * 100 + 1e-9)}% and ${Math.ceil(rate.high * 100 - 1e-9)}%`;
const monthWords = (month) =>
  new Intl.DateTimeFormat("en-GB", {month: "long", year: "numeric", timeZone: "UTC"}).format(new Date(`${month}-01`));
const dayWords = (iso, more = {}) =>
  new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short", timeZone: "UTC", ...more}).format(new Date(iso));
const binWords = (bin) =>
  bin.day === bin.last ? dayWords(bin.day, {weekday: "short"}) : `${dayWords(bin.day)} to ${dayWords(bin.last)}`;
const hourWords = (hour) => `${String(hour).padStart(2, "0")}:00`;
const WEEKDAYS = ["", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** How long ago a time was, in the largest unit that fits. */
function ago(iso) {
  const minutes = Math.max(0, Math.round((Date.now() - Date.parse(iso)) / 60000));
  const [value, unit] =
    minutes < 100
      ? [minutes, "minute"]
      : minutes < 48 * 60
        ? [Math.round(minutes / 60), "hour"]
        : [Math.round(minutes / 1440), "day"];
  return minutes < 1 ? "just now" : `${value} ${unit}${value === 1 ? "" : "s"} ago`;
}

const moment = (iso) =>
  `${new Intl.DateTimeFormat("en-GB", {dateStyle: "medium", timeStyle: "short", timeZone: "UTC"}).format(new Date(iso))} UTC`;

/** An element with attributes and children. A child that is not an element becomes a text node, whatever it holds. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** A title that links to the definition of its figure, if the page has one. */
const titled = (title, metric) =>
  document.getElementById(`metric-${metric}`) ? make("a", {class: "means", href: `#metric-${metric}`}, title) : title;

/** A cell with a rate, how many it is of, and its interval on hover. */
const rateCell = (rate) =>
  make(
    "td",
    {title: betweenWords(rate)},
    rateWords(rate),
    rate.whole ? make("small", {}, ` of ${count(rate.whole)}`) : null,
  );

/** A table of texts. The first cell of each row is its header. A cell may also be an element. */
function tableOf(columns, rows) {
  return make(
    "table",
    {},
    make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", {scope: "col"}, name)))),
    make(
      "tbody",
      {},
      ...rows.map(([first, ...rest]) =>
        make(
          "tr",
          {},
          make("th", {scope: "row"}, first),
          ...rest.map((cell) => (cell instanceof Element && cell.tagName === "TD" ? cell : make("td", {}, cell))),
        ),
      ),
    ),
  );
}

/** A table in a region that scrolls sideways on small screens, and that the keyboard can reach. */
function scrollTable(label, columns, rows) {
  const region = make(
    "div",
    {class: "scroll", tabindex: "0", role: "region", "aria-label": label},
    tableOf(columns, rows),
  );
  hinting.observe(region);
  return region;
}

/** Marks regions that are wider than they can show, so that the style can say that they scroll. */
const hinting = new ResizeObserver((entries) => {
  for (const {target} of entries) target.toggleAttribute("data-wide", target.scrollWidth > target.clientWidth + 1);
});
