// Charts: Vega-Lite specifications. In: rows of plain values. Out: SVG. Colours are CSS variables, so a theme change or
// printing recolours a chart without drawing it again.
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

const SERIES = [
  {name: "Showed", of: "showed", colour: "var(--showed)"},
  {name: "No-show", of: "noshow", colour: "var(--noshow)"},
  {name: "Open", of: "open", colour: "var(--open)", edge: "var(--open-edge)"},
  {name: "Cancelled or invalid", of: "lost", colour: "var(--cancelled)"},
];

/** The outcomes of each day's or week's bookings, stacked. */
function trendSpec(rows) {
  const values = rows
    .flatMap((bin) =>
      SERIES.map((series, order) => ({
        day: bin.day,
        words: binWords(bin),
        series: series.name,
        order,
        bookings: bin[series.of],
        of: bin.bookings,
        rate: percent(bin.showRate),
      })),
    )
    .filter((value) => value.bookings);
  return {
    height: 232,
    data: {values},
    mark: {type: "bar", stroke: "var(--card)", strokeWidth: 1, cornerRadius: 1.5},
    encoding: {
      x: {
        field: "day",
        type: "ordinal",
        scale: {domain: rows.map((bin) => bin.day), paddingInner: 0.18, paddingOuter: 0.05},
        axis: dayAxis(rows),
      },
      y: {
        field: "bookings",
        type: "quantitative",
        stack: "zero",
        axis: {title: "Bookings", tickCount: 5, tickMinStep: 1, format: ",d"},
      },
      color: {
        field: "series",
        type: "nominal",
        legend: null,
        scale: {domain: SERIES.map((series) => series.name), range: SERIES.map((series) => series.colour)},
      },
      order: {field: "order"},
      tooltip: [
        {field: "words", title: "When"},
        {field: "series", title: "Outcome"},
        {field: "bookings", title: "Bookings", format: ",d"},
        {field: "of", title: "Of all", format: ",d"},
        {field: "rate", title: "Show rate"},
      ],
    },
  };
}

/** The show rate over time. The line has a gap where no booking is marked. */
function rateSpec(rows) {
  const values = rows.map((bin) => ({
    day: bin.day,
    words: binWords(bin),
    rate: bin.showRate,
    shown: percent(bin.showRate),
    showed: bin.showed,
    marked: bin.marked,
  }));
  const lowest = Math.min(...values.filter((value) => value.rate !== null).map((value) => value.rate));
  return {
    height: 246,
    data: {values},
    encoding: {
      x: {
        field: "day",
        type: "ordinal",
        scale: {type: "point", domain: rows.map((bin) => bin.day), padding: 0.3},
        axis: dayAxis(rows),
      },
      y: {
        field: "rate",
        type: "quantitative",
        scale: {domain: [Math.max(0, Math.floor(lowest * 10 - 0.5) / 10), 1], nice: false},
        axis: {title: "Show rate", format: ".0%", tickCount: 5},
      },
      tooltip: [
        {field: "words", title: "When"},
        {field: "shown", title: "Show rate"},
        {field: "showed", title: "Showed", format: ",d"},
        {field: "marked", title: "Of marked", format: ",d"},
      ],
    },
    layer: [
      {mark: {type: "line", color: "var(--showed)", strokeWidth: 2, invalid: "break-paths-show-path-domains"}},
      {
        transform: [{filter: "datum.rate !== null"}],
        mark: {
          type: "point",
          filled: true,
          opacity: 1,
          size: rows.length > 30 ? 6 : 34,
          color: "var(--showed)",
          stroke: "var(--card)",
          strokeWidth: rows.length > 30 ? 0 : 1,
        },
      },
    ],
  };
}

/** From all bookings to those that showed: one bar for each step. */
function funnelSpec(steps) {
  return {
    height: steps.length * 76,
    data: {values: steps},
    encoding: {
      y: {
        field: "step",
        type: "ordinal",
        sort: null,
        scale: {paddingInner: 0.5, paddingOuter: 0.25},
        axis: {title: null, labels: false},
      },
      tooltip: [
        {field: "step", title: "Step"},
        {field: "bookings", title: "Bookings", format: ",d"},
        {field: "share", title: "Of all bookings"},
        {field: "note", title: "Left out"},
      ],
    },
    layer: [
      {
        mark: {type: "bar", cornerRadius: 3, yOffset: 6},
        encoding: {
          x: {
            field: "bookings",
            type: "quantitative",
            axis: null,
            scale: {domain: [0, Math.max(1, steps[0].bookings)]},
          },
          color: {
            field: "step",
            legend: null,
            scale: {domain: steps.map((each) => each.step), range: ["var(--cancelled)", "var(--bar)", "var(--showed)"]},
          },
        },
      },
      {
        mark: {type: "text", align: "left", baseline: "bottom", yOffset: -20, fontSize: 13, color: "var(--ink)"},
        encoding: {x: {value: 0}, text: {field: "label"}},
      },
      {
        mark: {type: "text", align: "right", baseline: "bottom", yOffset: -20, fontSize: 13, color: "var(--muted)"},
        encoding: {x: {value: "width"}, text: {field: "share"}},
      },
    ],
  };
}

const HEAT = ["var(--h0)", "var(--h1)", "var(--h2)", "var(--h3)", "var(--h4)"];

/** Weekdays by hours. `cells` have a weekday, an hour, a level (0 to 4) and the texts of the tooltip. */
function heatSpec(cells, unit) {
  const all = cells.map((cell) => cell.hour);
  const domain = Array.from({length: Math.max(...all) - Math.min(...all) + 1}, (_, place) => Math.min(...all) + place);
  return {
    height: 7 * 32,
    data: {values: cells},
    mark: {type: "rect", cornerRadius: 3},
    encoding: {
      x: {
        field: "hour",
        type: "ordinal",
        scale: {domain, padding: 0.08},
        axis: {title: "Hour of the day, local time", labelAngle: 0, labelOverlap: "parity", labelSeparation: 4},
      },
      y: {field: "day", type: "ordinal", scale: {domain: WEEKDAYS.slice(1), padding: 0.08}, axis: {title: null}},
      color: {field: "level", type: "ordinal", legend: null, scale: {domain: [0, 1, 2, 3, 4], range: HEAT}},
      tooltip: [
        {field: "words", title: "When"},
        {field: "value", title: unit},
        {field: "detail", title: "Detail"},
      ],
    },
  };
}

/** The share of no-shows among marked bookings, by lead time. */
function leadsSpec(rows) {
  const highest = Math.max(...rows.map((row) => row.rate));
  return {
    height: rows.length * 27,
    data: {values: rows},
    encoding: {
      y: {field: "span", type: "ordinal", sort: null, axis: {title: null, labelLimit: 120}, scale: {padding: 0.2}},
      x: {field: "rate", type: "quantitative", scale: {domain: [0, (highest || 0.1) * 1.22], nice: false}, axis: null},
      tooltip: [
        {field: "span", title: "Booked ahead"},
        {field: "shown", title: "No-show rate"},
        {field: "noshow", title: "No-shows", format: ",d"},
        {field: "marked", title: "Of marked", format: ",d"},
      ],
    },
    layer: [
      {mark: {type: "bar", color: "var(--noshow)", cornerRadiusEnd: 3}},
      {
        mark: {type: "text", align: "left", dx: 6, fontSize: 12, color: "var(--ink)"},
        encoding: {text: {field: "shown"}},
      },
    ],
  };
}

/** Booked hours by member, with the mean. */
function loadsSpec(rows, mean) {
  return {
    height: rows.length * 27,
    layer: [
      {
        data: {values: rows},
        mark: {type: "bar", color: "var(--bar)", cornerRadiusEnd: 3},
        encoding: {
          y: {field: "label", type: "ordinal", sort: null, axis: {title: null, labelLimit: 190}, scale: {padding: 0.2}},
          x: {
            field: "hours",
            type: "quantitative",
            scale: {domain: [0, Math.max(...rows.map((row) => row.hours), 0.1) * 1.15], nice: false},
            axis: {title: "Booked hours", tickCount: 5, grid: true},
          },
          tooltip: [
            {field: "label", title: "Member"},
            {field: "place", title: "Location"},
            {field: "shown", title: "Booked"},
            {field: "bookings", title: "Bookings", format: ",d"},
            {field: "rate", title: "Show rate"},
          ],
        },
      },
      {
        data: {values: rows},
        mark: {type: "text", align: "left", dx: 6, fontSize: 12, color: "var(--ink)"},
        encoding: {
          y: {field: "label", type: "ordinal", sort: null},
          x: {field: "hours", type: "quantitative"},
          text: {field: "shown"},
        },
      },
      {
        data: {values: [{mean}]},
        mark: {type: "rule", color: "var(--ink)", strokeDash: [3, 3], opacity: 0.55, tooltip: null},
        encoding: {x: {field: "mean", type: "quantitative"}},
      },
    ],
  };
}
