// Meanings: what each figure means, from the metrics catalogue. In: DATA.metrics. Out: one entry per metric, which links
// of the form #metric-NAME lead to.
function meanings() {
  const sentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}.`;
  el("meanings").prepend(
    ...Object.entries(DATA.metrics).map(([name, metric]) =>
      make(
        "div",
        {id: `metric-${name}`},
        make("dt", {}, metric.label),
        make("dd", {}, `${metric.question} ${sentence(metric.definition)} ${metric.caveats}`),
      ),
    ),
  );
}
