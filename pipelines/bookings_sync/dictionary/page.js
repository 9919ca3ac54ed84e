"use strict";
// Search. A table with all words in its name, question or notes is shown with all its columns. In other tables, a
// column is shown if its row and the table's name together hold all words. Metrics are searched like columns.
const input = document.getElementById("search");
const found = document.getElementById("found");
const nothing = document.getElementById("nothing");
const links = new Map([...document.querySelectorAll("nav li")].map((item) => [item.textContent.trim(), item]));
const tables = [...document.querySelectorAll("article")].map((article) => ({
  article,
  link: links.get(article.id),
  head: [article.id, ...[...article.querySelectorAll(":scope > p")].map((part) => part.textContent)]
    .join(" ").toLowerCase(),
  rows: [...article.querySelectorAll("tbody tr")].map((row) => ({ row, text: row.textContent.toLowerCase() })),
}));

const counted = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

function search() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  let columns = 0, shown = 0, metrics = 0;
  for (const { article, link, head, rows } of tables) {
    const whole = words.every((word) => head.includes(word));
    let any = whole;
    for (const { row, text } of rows) {
      const stays = whole || words.every((word) => text.includes(word) || article.id.includes(word));
      row.hidden = !stays;
      any ||= stays;
      if (stays && article.id === "metrics") metrics += 1;
      else if (stays) columns += 1;
    }
    article.hidden = !any;
    link.hidden = !any;
    if (any && article.id !== "metrics") shown += 1;
  }
  for (const group of document.querySelectorAll(".layer, nav details")) {
    group.hidden = [...group.querySelectorAll("article, li")].every((each) => each.hidden);
  }
  nothing.hidden = shown + metrics > 0;
  const counts = [...(metrics ? [counted(metrics, "metric")] : []), counted(shown, "table"), counted(columns, "column")];
  found.textContent = words.length ? counts.join(", ") : "";
}

let waiting;
input.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(search, 80);
});
input.form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== input) {
    event.preventDefault();
    input.focus();
  }
});
// A link leads to its row even if the search hides it.
function reveal() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.closest("[hidden]")) {
    input.value = "";
    search();
    target.scrollIntoView();
  }
}
addEventListener("hashchange", reveal);
// On a phone, the list of tables would fill the first screen.
if (matchMedia("(max-width: 50rem)").matches) {
  for (const part of document.querySelectorAll("nav details")) part.open = false;
}
search();
