// Tiles: the headline numbers, each with its change and a sparkline. In: measures. Out: elements.
/** The change since the period before, as [text, class]. `better` is the good direction: 1, -1, or 0 for neither. */
function change(now, before, {rate, better}) {
  if (now === null || before === null) return null;
  if (!rate && !before) return null;
  const moved = rate ? (now - before) * 100 : (now / before - 1) * 100;
  const rounded = Number(moved.toFixed(1));
  const tone = Math.abs(rounded) < 0.5 || !better ? "" : rounded * better > 0 ? "good" : "bad";
  const size = rate
    ? `${Math.abs(rounded).toFixed(1)} pts`
    : `${Math.abs(rounded) >= 100 ? whole.format(Math.abs(rounded)) : Math.abs(rounded).toFixed(1)}%`;
  return [rounded ? `${rounded > 0 ? "▲" : "▼"} ${size}` : "unchanged", tone];
}

function spark(values) {
  const known = values.filter((value) => value !== null);
  if (known.length < 3) return null;
  const low = Math.min(...known),
    high = Math.max(...known),
    wide = values.length - 1;
  let path = "",
    pen = "M";
  values.forEach((value, place) => {
    if (value === null) {
      pen = "M";
      return;
    }
    path += `${pen}${((place / wide) * 100).toFixed(2)} ${(high === low ? 12 : 22 - ((value - low) / (high - low)) * 20).toFixed(2)}`;
    pen = "L";
  });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({
    class: "spark",
    viewBox: "0 0 100 24",
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  }))
    svg.setAttribute(name, value);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

function tilesOf(now, before, period, series) {
  const ahead = !period.before;
  // Marks arrive late: the number of no-shows cannot be compared while many more bookings are not marked yet.
  const comparable = before && now.openRate - before.openRate < 0.05;
  const tiles = [
    {
      title: "Bookings",
      value: count(now.bookings),
      of: `${hours(now.hours)} booked`,
      now: now.bookings,
      before: before?.bookings,
      line: "bookings",
      better: 1,
    },
    ahead
      ? null
      : {
          title: "Show rate",
          value: percent(now.showRate),
          of: `${count(now.showed)} of ${count(now.marked)} marked`,
          now: now.showRate,
          before: before?.showRate,
          rate: true,
          line: "showRate",
          better: 1,
        },
    ahead
      ? null
      : {
          title: "No-shows",
          value: count(now.noshow),
          of: now.kept ? `${percent(now.noshow / now.kept)} of the kept` : "",
          now: now.noshow,
          before: comparable ? before.noshow : null,
          line: "noshow",
          better: -1,
        },
    {
      title: "Cancellation rate",
      value: percent(now.cancellationRate),
      of: `${count(now.cancelled)} cancelled`,
      now: now.cancellationRate,
      before: before?.cancellationRate,
      rate: true,
      line: "cancellationRate",
      better: -1,
    },
    isWholeStaff(choice) && now.availableHours
      ? {
          title: "Staff utilisation",
          value: percent(now.staffUtilisation),
          of: `${hours(now.staffHours)} of ${hours(now.availableHours)} of work`,
          now: now.staffUtilisation,
          before: before?.staffUtilisation,
          rate: true,
          better: 1,
        }
      : {
          title: "Seat utilisation",
          value: percent(now.seatUtilisation),
          of: seatNote(now),
          now: now.seatUtilisation,
          before: isKnown(now) && before && isKnown(before) ? before.seatUtilisation : null,
          rate: true,
          better: 1,
        },
    ahead
      ? {
          title: "Rescheduled",
          value: count(now.rescheduled),
          of: now.bookings ? `${percent(now.rescheduled / now.bookings)} of bookings` : "",
          line: "rescheduled",
        }
      : {
          title: "Not marked yet",
          value: count(now.open),
          of: `${percent(now.openRate)} of bookings`,
          now: now.openRate,
          before: before?.openRate,
          rate: true,
          line: "open",
          better: -1,
        },
  ];
  return tiles.filter(Boolean).map((tile) => {
    const moved = change(tile.now ?? null, tile.before ?? null, tile);
    const against = moved && (tile.rate ? percent(tile.before) : count(tile.before));
    return make(
      "article",
      {class: "tile"},
      make("h2", {}, tile.title),
      make("p", {class: "value"}, tile.value),
      make("p", {class: "of"}, tile.of),
      moved ? make("p", {class: `change ${moved[1]}`}, moved[0], make("small", {}, ` from ${against}`)) : null,
      tile.line && now.bookings ? spark(series.map((bin) => bin[tile.line])) : null,
    );
  });
}

/** Whether the free times of nearly all days were read closely enough. */
const isKnown = (each) => each.slotDays > 0 && each.knownDays >= 0.9 * each.slotDays;

function seatNote(now) {
  if (!now.knownDays) return "free times not known";
  const booked = `${hours(now.seatHours)} of ${hours(now.allSeatHours)}`;
  return now.knownDays < now.slotDays
    ? `${booked}; free times known on ${percent(now.knownDays / now.slotDays, 0)} of days`
    : booked;
}
