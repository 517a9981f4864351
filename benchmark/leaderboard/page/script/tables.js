// The tables: which rows fit the filters, in which order, and how they are drawn.

const FIELDS = ["task", "model", "sparsity", "pattern", "budget", "family"];
const valueOf = (table, row, field) => ({ task: table.label, sparsity: plain(row.sparsity) })[field] ?? row[field];
const BEST_FIRST = { column: "score", descending: false };
let order = BEST_FIRST;

function offer() {
  for (const field of FIELDS) {
    const values = new Set(data.tables.flatMap((table) => table.rows.map((row) => valueOf(table, row, field))));
    const inOrder = [...values].sort(field === "sparsity" ? (a, b) => a - b : undefined);
    form.elements[field].append(el("option", { value: "" }, "all"), ...inOrder.map((v) => el("option", { value: v }, v)));
  }
}

/** Whether a row passes the filters. The dense network is shown for every sparsity and pattern. */
function asked(table, row) {
  const text = form.elements.text.value.trim().toLowerCase();
  const dense = row.sparsity === 0;
  return (
    FIELDS.every((field) => {
      const only = form.elements[field].value;
      return !only || valueOf(table, row, field) === only || (dense && (field === "sparsity" || field === "pattern"));
    }) && (!text || row.label.toLowerCase().includes(text))
  );
}

/** What is shown, in the order in which it is: tables, their groups by sparsity and pattern, and rows. */
function view() {
  return data.tables.map((table) => {
    const rows = groups(table.rows.filter((row) => asked(table, row)), (row) => when(row.sparsity, row.pattern));
    return [table, [...rows.values()].sort((a, b) => a[0].sparsity - b[0].sparsity).map((group) => inOrder(table, group))];
  }).filter(([, parts]) => parts.length);
}

function inOrder(table, rows) {
  const by = columnsOf(table).find((column) => column.name === order.column)?.by || (() => null);
  const sign = order.descending ? -1 : 1;
  const keyed = rows.map((row, place) => ({ row, place, key: by(row, table) }));
  keyed.sort((a, b) => {
    if (known(a.key) !== known(b.key)) return known(a.key) ? -1 : 1; // rows without a value come last in both directions
    if (!known(a.key) || a.key === b.key) return a.place - b.place;
    return sign * (typeof a.key === "string" ? a.key.localeCompare(b.key) : a.key - b.key);
  });
  return keyed.map(({ row }) => row);
}

function sort(column, id) {
  order = { column, descending: order.column === column ? !order.descending : false };
  draw();
  remember();
  document.querySelector(`[data-table="${CSS.escape(id)}"] [data-column="${CSS.escape(column)}"]`)?.focus();
}

function head(table, columns, id) {
  const cells = columns.map(({ name, title, cls, by }) => {
    if (!by) return el("th", { scope: "col", class: cls }, title);
    const falls = order.descending !== (name === "score" && table.direction === "max"); // best first: the highest
    const state = order.column !== name ? "none" : falls ? "descending" : "ascending";
    const shown = name === "score" ? table.metric : title;
    const told = name === "score" ? `${table.metric}, ${table.direction === "max" ? "higher" : "lower"} is better` : title;
    return el("th", { scope: "col", class: cls, "aria-sort": state },
      el("button", { type: "button", "data-column": name, onclick: () => sort(name, id), "aria-label": `Sort by ${told}` }, shown));
  });
  return el("thead", {}, el("tr", {}, cells));
}

function groupOf(table, columns, rows, dense) {
  const ends = rows.flatMap((row) => [row.ci_low, row.ci_high, row.mean]).concat(dense).filter(known);
  const scale = rows.length > 1 ? { low: Math.min(...ends), high: Math.max(...ends), dense } : { low: 0, high: 0 };
  const about = el("span", { class: "about" }, rows.length > 1 ? counted(rows.length, "method", "methods") : "");
  return el("tbody", {},
    el("tr", {}, el("th", { scope: "rowgroup", colspan: columns.length }, upper(when(rows[0].sparsity, rows[0].pattern)), about)),
    rows.map((row) => el("tr", { class: row.family === "control" ? "control" : null },
      columns.map(({ cls, cell }) => el("td", { class: cls }, cell(row, table, scale))))));
}

function board(table, parts) {
  const id = [table.label, table.model, table.budget].join(" ");
  const columns = columnsOf(table);
  const dense = table.rows.find((row) => row.sparsity === 0 && row.family === "dense")?.mean;
  const title = `${table.label} · ${table.model}`;
  const told = `budget ${table.budget}; ${table.metric} on the test split, ${table.direction === "max" ? "higher" : "lower"} is better`;
  return el("section", { class: "board", "data-table": id, "aria-label": `${title}, budget ${table.budget}` },
    el("header", {}, el("h2", {}, title), el("span", { class: "about" }, told), el("span", { class: "recipe" }, recipe(table))),
    el("div", { class: "pictures" }, table.pictures.map(figure)),
    el("div", { class: "scroll" }, el("table", {}, head(table, columns, id), parts.map((part) => groupOf(table, columns, part, dense)))),
    table.worth && wanted().includes("measured") ? el("p", { class: "about" }, table.worth.about) : null,
    papers(table));
}

function draw() {
  const shown = view();
  const count = shown.flatMap(([, parts]) => parts).flat().length;
  const all = data.tables.reduce((sum, table) => sum + table.rows.length, 0);
  const nothing = el("p", { class: "empty" }, "No row fits these filters.");
  document.getElementById("boards").replaceChildren(...(count ? shown.map(([table, parts]) => board(table, parts)) : [nothing]));
  document.getElementById("count").textContent = `${count.toLocaleString("en-US")} of ${counted(all, "row", "rows")}`;
  for (const id of ["csv", "json"]) document.getElementById(id).disabled = !count;
}
