// Members: how the booked time is shared. In: counts by member. Out: a card.
function loadsCard(scope, period) {
  const places = scope.places.filter(Boolean).length;
  const rows = [...sums(TABLES.bookings, scope, period.range, (row, at) => at.member[row])]
    .map(([member, counts]) => {
      const [place, label] = DATA.members[member];
      const name = DATA.locations[place].name;
      const each = measured(counts);
      return {
        ...each,
        name: label,
        label: places > 1 ? `${label} · ${name}` : label,
        place: name,
        shown: hours(each.hours),
        rate: each.showRate.whole ? `${rateWords(each.showRate)} of ${count(each.marked)} marked` : NONE,
      };
    })
    .filter((row) => row.expected)
    .sort((one, other) => other.hours - one.hours || byName(one.label, other.label));
  const people = rows.filter((row) => row.name !== "Nobody");
  const mean = people.length ? people.reduce((sum, row) => sum + row.hours, 0) / people.length : 0;
  const most = 10;
  const few = rows.length > most ? `; the ${most} with the most of ${count(rows.length)}` : "";
  const unnamed = DATA.named ? "" : " Members are numbered, because this page holds no names.";
  const average = people.length > 1 ? `${hours(mean)} each on average (dashed)${few}.` : "Booked hours.";
  return card("loads", {
    title: period.isAhead ? "Member load so far" : "Member load",
    metric: "booked_hours",
    sub: people.length ? `${average}${unnamed}` : "The booked hours of each member.",
    spec: rows.length && loadsSpec(rows.slice(0, most), mean),
    columns: ["Member", "Location", "Booked", "Expected bookings", ...(period.isAhead ? [] : ["Show rate"])],
    rows: rows.map((row) => [
      row.name,
      row.place,
      row.shown,
      count(row.expected),
      ...(period.isAhead ? [] : [rateCell(row.showRate)]),
    ]),
  });
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
            {field: "expected", title: "Expected bookings", format: ",d"},
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
      ...(rows.length > 1
        ? [
            {
              data: {values: [{mean}]},
              mark: {type: "rule", color: "var(--ink)", strokeDash: [3, 3], opacity: 0.55, tooltip: null},
              encoding: {x: {field: "mean", type: "quantitative"}},
            },
          ]
        : []),
    ],
  };
}
