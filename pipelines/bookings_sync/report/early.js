// Early: how reliable an early show rate is. In: show rates as known 1, 3 and 7 days after the appointments, and now, of
// the same bookings. Out: a table for the current choice.
function earlyTable(chosen) {
  const found = [...sums(DATA.known, chosen, [0, Infinity], (row) => row[1])].sort(([one], [other]) => one - other);
  el("early-table").hidden = !found.length;
  el("early-sub").textContent = found.length
    ? `Bookings of the last ${DATA.known_weeks} weeks: the show rate as known some days after the appointment, and ` +
      "the show rate of the same bookings now. Marks arrive late, and no-shows later than shows, so an early show " +
      "rate is usually too high."
    : "This table fills once syncs have run for some days. It compares early show rates with those of the same " +
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
