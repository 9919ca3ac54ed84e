// Early: how reliable an early show rate is. In: show rates as known 1, 3 and 7 days after the appointments, and now, of
// the same bookings. Out: a table for the current choice.
function earlyTable(scope) {
  const found = [...sums(TABLES.known, scope, {from: 0, to: Infinity}, (row, at) => at.days_after[row])]
    .sort(([one], [other]) => one - other)
    .map(([days, each]) => ({
      ...each,
      words: days === 1 ? "1 day later" : `${days} days later`,
      then: rateOf(each.showed, each.showed + each.noshow),
      now: rateOf(each.showed_now, each.showed_now + each.noshow_now),
    }));
  el("early-table").hidden = !found.length;
  el("early-sub").textContent = found.length
    ? `Bookings of the last ${DATA.known_days / 7} weeks (${DATA.known_days} days up to yesterday): the show rate as known some ` +
      `days after the appointment, and the show rate of the same bookings now.${tooEarly(found[0])}`
    : "This table fills once a sync has run each day for some days. It compares early show rates with those of the same " +
      "bookings now.";
  el("early-table").replaceChildren(
    tableOf(
      ["Known", "Then", "Now", "Not marked then", "Bookings"],
      found.map((each) => [
        each.words,
        rateCell(each.then),
        rateCell(each.now),
        percent(ratio(each.open, each.showed + each.noshow + each.open), 0),
        count(each.bookings),
      ]),
    ),
  );
}

/** What the earliest rate was off by, in a sentence; empty if too few bookings were marked. */
function tooEarly({words, then, now}) {
  if (then.isTooFew || now.isTooFew) return "";
  const points = Math.abs((now.value - then.value) * 100).toFixed(1);
  const when = words[0] === "1" ? "One day later" : words;
  return points === "0.0"
    ? ` ${when} it was already what it is now.`
    : ` ${when} it was ${points} points too ${then.value > now.value ? "high" : "low"} for these bookings` +
        `${isRateChanged(now, then) ? "" : ", which may be chance"}.`;
}
