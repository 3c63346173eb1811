// Filters for the table of rules: by family, preset, severity, fix, and by words. The table works without it.
// What is chosen stands in the address (?family=security&fix=safe), so that it can be linked to.
"use strict";

(function () {
  const table = document.querySelector(".rule-index table");
  if (!table) return;

  const COLUMNS = { family: 1, preset: 2, severity: 3, fix: 4 };
  const rows = Array.from(table.tBodies[0].rows, (row) => ({
    row,
    text: row.textContent.toLowerCase(),
    values: Object.fromEntries(
      Object.entries(COLUMNS).map(([name, column]) => [name, row.cells[column].textContent.trim()]),
    ),
  }));
  for (const heading of table.tHead.rows[0].cells) {
    const column = heading.cellIndex;
    for (const { row } of rows) row.cells[column].dataset.label = heading.textContent;
  }

  const form = document.createElement("form");
  form.className = "rule-filters";
  const words = document.createElement("input");
  words.type = "search";
  words.placeholder = "code, name or words";
  words.setAttribute("aria-label", "code, name or words");
  form.append(words);
  const choices = {};
  for (const name of Object.keys(COLUMNS)) {
    const select = document.createElement("select");
    select.setAttribute("aria-label", name);
    select.append(new Option(`${name}: all`, ""));
    for (const value of new Set(rows.map((each) => each.values[name]))) select.append(new Option(value, value));
    choices[name] = select;
    form.append(select);
  }
  const clear = document.createElement("button");
  clear.type = "reset";
  clear.textContent = "Clear";
  const count = document.createElement("output");
  form.append(clear, count);
  table.closest(".rule-index").prepend(form);

  const asked = new URLSearchParams(location.search);
  words.value = asked.get("q") || "";
  for (const [name, select] of Object.entries(choices)) {
    const wanted = (asked.get(name) || "").toLowerCase();
    const option = Array.from(select.options).find((each) => each.value.toLowerCase() === wanted);
    if (option) select.value = option.value;
  }

  function filter() {
    const parts = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { row, text, values } of rows) {
      const fits =
        parts.every((part) => text.includes(part)) &&
        Object.entries(choices).every(([name, select]) => !select.value || values[name] === select.value);
      row.hidden = !fits;
      if (fits) shown += 1;
    }
    count.textContent = `${shown} of ${rows.length} rules`;
    const address = new URL(location.href);
    for (const [name, value] of [["q", words.value], ...Object.entries(choices).map(([n, s]) => [n, s.value])]) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    if (address.href !== location.href) history.replaceState(null, "", address);
  }

  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
})();
