// Early: how reliable an early show rate is. In: show rates as known 1, 3 and 7 days after the appointments, and now, of
// the same bookings. Out: a table for the current choice.
function earlyTable(chosen) {
  const found = [...sums(DATA.known, chosen, [0, Infinity], (row) => row[1])].sort(([one], [other]) => one - other);
  el("early-table").hidden = !found.length;
  el("early-sub").textContent = found.length
    ? `Bookings of the last ${DATA.known_days / 7} weeks: the show rate as known some days after the appointment, and ` +
      `the show rate of the same bookings now.${tooEarly(found[0])}`
    : "This table fills once a sync has run each day for some days. It compares early show rates with those of the same " +
      "bookings now.";
  el("early-table").replaceChildren(
    tableOf(
      ["Known", "Then", "Now", "Change", "Not marked then", "Bookings"],
      found.map(([days, each]) => {
        const then = ratio(each.showed, each.showed + each.noshow);
        const now = ratio(each.showed_now, each.showed_now + each.noshow_now);
        return [
          days === 1 ? "1 day later" : `${days} days later`,
          percent(then),
          percent(now),
          change(now, then, {rate: true})?.[0] ?? NONE,
          percent(ratio(each.open, each.bookings)),
          count(each.bookings),
        ];
      }),
    ),
  );
}

/** What the earliest rate was off by, in a sentence; empty if it cannot be said. */
function tooEarly([days, each]) {
  const then = ratio(each.showed, each.showed + each.noshow);
  const now = ratio(each.showed_now, each.showed_now + each.noshow_now);
  if (then === null || now === null) return "";
  const points = Math.abs((now - then) * 100).toFixed(1);
  const when = days === 1 ? "One day" : `${days} days`;
  return points === "0.0"
    ? ` ${when} later it was already what it is now.`
    : ` ${when} later it was ${points} points too ${then > now ? "high" : "low"}.`;
}
