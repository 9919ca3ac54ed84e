// Tiles: the headline numbers, with their intervals and with those changes that are more than chance. In: measures. Out:
// elements.
/** How a number changed, as [text, class]. `better` is the good direction: 1, -1, or 0 for neither. */
function changeOf({now, before, isClear, isRate, digits = 0, better}) {
  if (now === null || (before ?? null) === null) return null;
  const from = ` from ${isRate ? percent(before, digits) : count(before)}`;
  if (!isClear) return ["No clear change", "", from];
  const moved = isRate ? (now - before) * 100 : (now / before - 1) * 100;
  const size = isRate ? `${Math.abs(moved).toFixed(1)} points` : before ? `${whole.format(Math.abs(moved))}%` : "";
  return [
    `${now > before ? "▲" : "▼"} ${size}`.trim(),
    !better ? "" : now > before === better > 0 ? "good" : "bad",
    from,
  ];
}

/** A tile of a rate. Its change counts only if nearly as many bookings are marked as before: marks arrive late. */
function rateTile(title, metric, now, before, {of, better, comparable = true}) {
  const change =
    before && comparable && !now.isTooFew && !before.isTooFew
      ? {now: now.value, before: before.value, isClear: isRateChanged(now, before), isRate: true, better}
      : null;
  return {title, metric, value: rateWords(now), notes: [of, betweenWords(now)], change};
}

function tilesOf(now, before, period, scope) {
  const bookings = {
    title: period.isAhead ? "Bookings so far" : "Bookings",
    metric: "bookings",
    value: count(now.bookings),
    notes: [`${hours(now.hours)} booked`],
    change: before && {
      now: now.bookings,
      before: before.bookings,
      isClear: isCountChanged(now.bookings, before.bookings),
      better: 1,
    },
  };
  if (period.isAhead)
    return drawTiles([
      bookings,
      utilisationTile(now, null, period, scope),
      {
        title: "Cancelled so far",
        metric: "cancellation_rate",
        value: count(now.cancelled),
        notes: [now.bookings ? `of ${count(now.bookings)} booked so far; more may follow` : null],
      },
      {title: "Moved so far", metric: "reschedule_rate", value: count(now.rescheduled), notes: ["to another time"]},
    ]);
  const comparable = before && now.openRate - before.openRate < 0.05;
  const {low, high} = {low: ratio(now.showed, now.expected), high: ratio(now.showed + now.open, now.expected)};
  return drawTiles([
    rateTile("Show rate", "show_rate", now.showRate, before?.showRate, {
      of: `${count(now.showed)} of ${count(now.marked)} marked`,
      better: 1,
      comparable,
    }),
    bookings,
    {
      title: "No-shows",
      metric: "noshow_rate",
      value: count(now.noshow),
      notes: [
        now.marked ? `${rateWords(now.noshowRate)} of ${count(now.marked)} marked` : null,
        betweenWords(now.noshowRate),
      ],
    },
    rateTile("Cancellation rate", "cancellation_rate", now.cancellationRate, before?.cancellationRate, {
      of: `${count(now.cancelled)} of ${count(now.bookings)} bookings`,
      better: -1,
    }),
    utilisationTile(now, before, period, scope),
    {
      title: "Not marked yet",
      metric: "unmarked_share",
      value: count(now.open),
      notes: [
        now.open && now.expected >= FEWEST
          ? `The show rate would be ${percent(low, 0)} if none of them came, ${percent(high, 0)} if all did`
          : null,
      ],
    },
  ]);
}

/** Staff utilisation; with a team or service chosen, seat utilisation; with both kinds of filter, nothing. */
function utilisationTile(now, before, period, scope) {
  const soFar = period.isAhead ? " so far" : "";
  if (isStaffKnown(choice) && now.availableHours) {
    const isClear = before && isMeanChanged(staffDays(scope, period.range), staffDays(scope, period.before));
    return {
      title: `Staff utilisation${soFar}`,
      metric: "staff_utilisation",
      value: percent(now.staffUtilisation),
      notes: [`${hours(now.staffHours)} of ${hours(now.availableHours)} of work`, assumedHours(scope, period.range)],
      change: before && {
        now: now.staffUtilisation,
        before: before.staffUtilisation,
        isClear,
        isRate: true,
        digits: 1,
        better: 1,
      },
    };
  }
  if (!areSeatsKnown(choice)) return null;
  return {
    title: `Seat utilisation${soFar}`,
    metric: "seat_utilisation",
    value: percent(now.seatUtilisation),
    notes: [seatNote(now)],
  };
}

/** From which day on working hours are known, if the range begins before. */
function assumedHours(scope, {from, dated}) {
  const known = DATA.hours_from.filter((_, place) => scope.places[place]);
  const first = Math.max(...known);
  if (first <= from) return null;
  return `Before ${dayWords(dayOf(first, scope, dated))}, opening hours and members are those that the first sync saw`;
}

function seatNote(now) {
  if (!now.knownDays) return "free times not known";
  const booked = `${hours(now.seatHours)} of ${hours(now.allSeatHours)}`;
  return now.knownDays < now.slotDays
    ? `${booked}; free times known on ${percent(now.knownDays / now.slotDays, 0)} of days`
    : booked;
}

const drawTiles = (tiles) =>
  tiles.filter(Boolean).map(({title, metric, value, notes, change}) => {
    const moved = change && changeOf(change);
    return make(
      "article",
      {class: "tile"},
      make("h2", {}, titled(title, metric)),
      make("p", {class: "value"}, value),
      ...notes.filter(Boolean).map((note) => make("p", {class: "of"}, note)),
      moved ? make("p", {class: `change ${moved[1] || "none"}`}, moved[0], make("small", {}, moved[2])) : null,
    );
  });
