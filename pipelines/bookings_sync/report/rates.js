// Rates: the show rate over time and no-shows by lead time, each with its 95 % interval. In: measures. Out: two cards.
/** Bins for rates: the shortest of which at least three in four have enough marked bookings for a rate. */
function rateBins(scope, period, series) {
  const grains = [1, 7, 28].filter((grain) => grain >= period.grain && grain < period.days);
  for (const grain of grains) {
    const found = grain === period.grain ? series : bins(scope, period.range, grain);
    const marked = found.filter((bin) => bin.marked);
    if (marked.filter((bin) => !bin.showRate.isTooFew).length >= 0.75 * marked.length)
      return [found, {1: " by day", 7: " by week", 28: " by 4 weeks"}[grain]];
  }
  return [bins(scope, period.range, period.days), ""];
}

function rateCard(scope, period, series, now) {
  const some = now.marked > 0;
  const [found, unit] = rateBins(scope, period, series);
  const shown = found.filter((bin) => bin.marked && !bin.showRate.isTooFew);
  const between = betweenWords(now.showRate);
  const bars = shown.length ? " The bars show the 95 % interval." : "";
  return card("rate", {
    title: `Show rate${unit}`,
    metric: "show_rate",
    sub: some
      ? `${rateWords(now.showRate)} of ${count(now.marked)} marked bookings showed up${between ? `, ${between}` : ""}.${bars}`
      : "The share of marked bookings that showed up.",
    spec: shown.length && rateSpec(found, shown),
    columns: ["When", "Show rate", "95 % interval", "Showed", "Marked"],
    rows: some
      ? found.map((bin) => [
          binWords(bin),
          rateWords(bin.showRate),
          betweenWords(bin.showRate) ?? NONE,
          count(bin.showed),
          count(bin.marked),
        ])
      : [],
    nothing: some
      ? `Fewer than ${FEWEST} bookings are marked: too few for a rate.`
      : "No booking of this period is marked yet.",
  });
}

/** The show rate over time, with intervals. Bins with too few marked bookings have no point. */
function rateSpec(rows, shown) {
  const values = shown.map((bin) => ({
    day: bin.day,
    words: binWords(bin),
    rate: bin.showRate.value,
    low: bin.showRate.low,
    high: bin.showRate.high,
    shown: rateWords(bin.showRate),
    between: betweenWords(bin.showRate),
    of: `${count(bin.showed)} of ${count(bin.marked)} marked`,
  }));
  const lowest = Math.min(...values.map((value) => value.low));
  return {
    height: 246,
    data: {values},
    encoding: {
      x: {
        field: "day",
        type: "ordinal",
        scale: {type: "point", domain: rows.map((bin) => bin.day), padding: 0.4},
        axis: dayAxis(rows),
      },
      y: {
        field: "rate",
        type: "quantitative",
        scale: {domain: [Math.floor(lowest * 10) / 10, 1], nice: false},
        axis: {title: "Show rate", format: ".0%", tickCount: 5},
      },
      tooltip: [
        {field: "words", title: "When"},
        {field: "shown", title: "Show rate"},
        {field: "between", title: "95 % interval"},
        {field: "of", title: "Showed"},
      ],
    },
    layer: [
      {
        mark: {type: "rule", color: "var(--showed)", opacity: 0.45, strokeWidth: 3, strokeCap: "round"},
        encoding: {y: {field: "low", type: "quantitative"}, y2: {field: "high"}},
      },
      {
        mark: {
          type: "point",
          filled: true,
          opacity: 1,
          size: rows.length > 31 ? 30 : 52,
          color: "var(--showed)",
          stroke: "var(--card)",
          strokeWidth: 1,
        },
      },
    ],
  };
}

function leadsCard(scope, period) {
  const found = sums(TABLES.bookings, scope, period.range, (row, at) => at.span[row]);
  const rows = DATA.spans
    .map((span, place) => ({span: capital(span), ...measured(found.get(place))}))
    .filter((row) => row.bookings);
  const marked = rows.filter((row) => row.marked);
  const shown = marked.filter((row) => !row.noshowRate.isTooFew);
  const known = shown.filter((row) => !["Afterwards", "Not known"].includes(row.span));
  const highest = clearlyHighest(known, (row) => row.noshowRate);
  return card("leads", {
    title: "No-shows by lead time",
    metric: "lead_time",
    sub: highest
      ? `Clearly highest when booked ${highest.span.toLowerCase()} ahead: ${rateWords(highest.noshowRate)}.`
      : known.length > 1
        ? "No lead time stands out: the 95 % intervals (bars) overlap."
        : "The share of no-shows among marked bookings, by time from booking to start.",
    spec: shown.length && leadsSpec(marked),
    columns: ["Booked ahead", "No-show rate", "95 % interval", "No-shows", "Marked", "Bookings"],
    rows: marked.length
      ? rows.map((row) => [
          row.span,
          rateWords(row.noshowRate),
          betweenWords(row.noshowRate) ?? NONE,
          count(row.noshow),
          count(row.marked),
          count(row.bookings),
        ])
      : [],
    nothing: marked.length
      ? `Fewer than ${FEWEST} bookings of each lead time are marked: too few for a rate.`
      : "No booking of this period is marked yet.",
  });
}

/** The share of no-shows among marked bookings, by lead time, with intervals. */
function leadsSpec(rows) {
  const values = rows.map((row) => ({
    span: row.span,
    rate: row.noshowRate.isTooFew ? null : row.noshowRate.value,
    low: row.noshowRate.isTooFew ? null : row.noshowRate.low,
    high: row.noshowRate.isTooFew ? 0 : row.noshowRate.high,
    shown: rateWords(row.noshowRate),
    between: betweenWords(row.noshowRate) ?? NONE,
    of: `${count(row.noshow)} of ${count(row.marked)} marked`,
  }));
  return {
    height: rows.length * 27,
    data: {values},
    encoding: {
      y: {
        field: "span",
        type: "ordinal",
        sort: null,
        axis: {title: null, labelLimit: 120},
        scale: {domain: values.map((value) => value.span), padding: 0.2},
      },
      x: {
        field: "rate",
        type: "quantitative",
        scale: {domain: [0, Math.min(1.2, Math.max(...values.map((each) => each.high), 0.1) * 1.25)], nice: false},
        axis: {title: "No-show rate", format: ".0%", tickCount: 4, values: [0, 0.2, 0.4, 0.6, 0.8, 1]},
      },
      tooltip: [
        {field: "span", title: "Booked ahead"},
        {field: "shown", title: "No-show rate"},
        {field: "between", title: "95 % interval"},
        {field: "of", title: "No-shows"},
      ],
    },
    layer: [
      {
        transform: [{filter: "datum.rate !== null"}],
        mark: {type: "rule", color: "var(--noshow)", opacity: 0.45, strokeWidth: 3, strokeCap: "round"},
        encoding: {x: {field: "low", type: "quantitative"}, x2: {field: "high"}},
      },
      {
        transform: [{filter: "datum.rate !== null"}],
        mark: {
          type: "point",
          filled: true,
          opacity: 1,
          size: 52,
          color: "var(--noshow)",
          stroke: "var(--card)",
          strokeWidth: 1,
        },
      },
      {
        mark: {type: "text", align: "left", dx: 7, fontSize: 12, color: "var(--ink)"},
        encoding: {x: {field: "high", type: "quantitative"}, text: {field: "shown"}},
      },
    ],
  };
}
