// Early: how far a show rate read soon is to be trusted. In: what was known 1, 3 and 7 days after, and what is known of the
// same bookings now. Out: a table of what is chosen.
function earlyTable(chosen) {
  const found = [...sums(DATA.known, chosen, [0, Infinity], (row) => row[1])].sort(([one], [other]) => one - other);
  el("early-table").hidden = !found.length;
  el("early-sub").textContent = found.length
    ? `Bookings of the last ${DATA.known_weeks} weeks: what was known so many days after their day, and what is known of the ` +
      "same ones now. Marks come late, and no-shows’ later than shows’: a young show rate is mostly too good."
    : "To be told here once syncs have run for some days: what was known soon after, and what is known now.";
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
