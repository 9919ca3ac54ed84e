// Charts: draws a card with its heading, legend, chart and table. In: Vega-Lite specifications, rows of texts. Out: SVG.
// Colours are CSS variables, so a theme change or printing recolours a chart without drawing it again.
const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif';
const CONFIG = {
  background: null,
  font: FONT,
  padding: {left: 0, right: 2, top: 4, bottom: 0},
  view: {stroke: null},
  axis: {
    domain: false,
    ticks: false,
    labelColor: "var(--muted)",
    titleColor: "var(--muted)",
    gridColor: "var(--grid)",
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 400,
    labelPadding: 6,
    titlePadding: 8,
  },
};
/** The axis of days or weeks: about seven labels, evenly spaced, fewer on small screens. */
const dayAxis = (rows) => ({
  title: null,
  labelExpr: "utcFormat(toDate(datum.value), '%-d %b')",
  labelAngle: 0,
  labelOverlap: "parity",
  labelSeparation: 8,
  values: rows.filter((_, place) => place % Math.ceil(rows.length / 8) === 0).map((bin) => bin.day),
});

let drawn = {};

/** Draws a specification into an element, and replaces the previous chart of the card. */
async function draw(element, description, spec) {
  const key = element.closest(".card").id;
  drawn[key]?.finalize();
  delete drawn[key];
  const result = await vegaEmbed(
    element,
    {
      $schema: "https://vega.github.io/schema/vega-lite/v6.json",
      description,
      width: "container",
      ...spec,
    },
    {
      renderer: "svg",
      actions: false,
      ast: true,
      defaultStyle: false,
      config: CONFIG,
      tooltip: {disableDefaultStyle: true, theme: "own"},
    },
  );
  drawn[key] = result;
}

/** Fills a card with a heading, a legend, a chart and the chart's data as a table; without data, with a sentence. */
function card(id, {title, metric, sub, legend, spec, description, columns, rows, nothing}) {
  const section = el(id);
  const heading = make("h2", {id: `${id}-title`}, titled(title, metric));
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
  const details = make(
    "details",
    open ? {open: ""} : {},
    make("summary", {}, "As a table"),
    scrollTable(`${title}, as a table`, columns, rows),
  );
  const swatches =
    legend &&
    make(
      "ul",
      {class: "legend"},
      ...legend.map(([name, colour, edge]) =>
        make(
          "li",
          {},
          make("i", {style: `background:${colour}${edge ? `;box-shadow:inset 0 0 0 1px ${edge}` : ""}`}),
          name,
        ),
      ),
    );
  section.replaceChildren(...parts, ...(swatches ? [swatches] : []), chart, details);
  return draw(chart, `${title}. ${description ?? sub}`, spec);
}
