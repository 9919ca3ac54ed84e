// Outcomes: what became of the bookings, over time and in total. In: measures. Out: two cards.
function trendCard(series, period) {
  const some = series.some((bin) => bin.bookings);
  const unmarked = period.isAhead ? "To come" : "Not marked yet";
  const unit = period.grain === 1 ? "day" : "week";
  const full = series.filter((bin) => bin.days === period.grain);
  const sizes = full.map((bin) => bin.bookings);
  const mean = sizes.reduce((sum, each) => sum + each, 0) / (sizes.length || 1);
  const most = clearlyMost(full, (bin) => bin.bookings);
  const named = most ? ` Clearly most: ${binWords(most)}.` : "";
  const spread = full.length > 1 ? `, from ${count(Math.min(...sizes))} to ${count(Math.max(...sizes))}` : "";
  return card("trend", {
    title: `Bookings by ${unit}`,
    metric: "bookings",
    sub: !some
      ? "How they ended."
      : period.isAhead
        ? "Booked so far. More will follow."
        : full.length
          ? `${(mean < 10 ? tenth : whole).format(mean)} a ${unit} on average${spread}.${named}`
          : "How they ended.",
    legend: SERIES.filter((each) => series.some((bin) => bin[each.of])).map((each) => [
      each.of === "open" ? unmarked : each.name,
      each.colour,
      each.edge,
    ]),
    spec: some && trendSpec(series, unmarked),
    rows: some
      ? series.map((bin) => [binWords(bin), ...[bin.bookings, bin.showed, bin.noshow, bin.open, bin.lost].map(count)])
      : [],
    columns: [period.grain === 1 ? "Day" : "Week", "Bookings", "Showed", "No-show", unmarked, "Cancelled or invalid"],
  });
}

function funnelCard(now, period) {
  const soFar = period.isAhead ? " so far" : "";
  const steps = [
    {step: "Booked", bookings: now.bookings, note: "nothing"},
    {step: "Expected", bookings: now.expected, note: `${count(now.lost)} cancelled or invalid${soFar}`},
    ...(period.isAhead
      ? []
      : [{step: "Showed", bookings: now.showed, note: `${count(now.noshow)} no-shows, ${count(now.open)} not marked`}]),
  ].map((each) => ({
    ...each,
    share: percent(ratio(each.bookings, now.bookings), 0),
    label: `${each.step}  ${count(each.bookings)}`,
  }));
  return card("funnel", {
    title: period.isAhead ? "Booked and still expected" : "From booked to showed",
    metric: "expected",
    sub: !now.bookings
      ? "How many bookings are expected, and how many show up."
      : period.isAhead
        ? `${count(now.lost)} cancelled or invalid so far.`
        : `${count(now.lost)} cancelled or invalid, ${count(now.noshow)} no-shows, ${count(now.open)} not marked yet.`,
    spec: now.bookings && funnelSpec(steps),
    columns: ["Step", "Bookings", "Of all bookings", "Left out"],
    rows: now.bookings ? steps.map((each) => [each.step, count(each.bookings), each.share, each.note]) : [],
  });
}

const SERIES = [
  {name: "Showed", of: "showed", colour: "var(--showed)"},
  {name: "No-show", of: "noshow", colour: "var(--noshow)"},
  {name: "Open", of: "open", colour: "var(--open)", edge: "var(--open-edge)"},
  {name: "Cancelled or invalid", of: "lost", colour: "var(--cancelled)"},
];

/** The outcomes of each day's or week's bookings, stacked. */
function trendSpec(rows, unmarked) {
  const values = rows
    .flatMap((bin) =>
      SERIES.map((series, order) => ({
        day: bin.day,
        words: binWords(bin),
        series: series.name,
        shown: series.of === "open" ? unmarked : series.name,
        order,
        bookings: bin[series.of],
        of: bin.bookings,
        rate: `${rateWords(bin.showRate)} of ${count(bin.marked)} marked`,
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
        {field: "shown", title: "Outcome"},
        {field: "bookings", title: "Bookings", format: ",d"},
        {field: "of", title: "Of all", format: ",d"},
        ...(rows.some((bin) => bin.marked) ? [{field: "rate", title: "Show rate"}] : []),
      ],
    },
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
