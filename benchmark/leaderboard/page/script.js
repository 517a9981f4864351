"use strict";
// Draws the tables from the data of the page. Text from records is inserted as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const form = document.getElementById("filters");
const panel = document.getElementById("panel");
const RUN = "key seed status score validation density effective edges trainings flops seconds bytes audit verified place error".split(" ");
const NUMBER = "task sparsity mean std n model algorithm variant metric paper source table tag note".split(" ");
const AT_ONCE = 60; // published numbers shown at first

const named = (names, values) => Object.fromEntries(names.map((name, i) => [name, values[i]]));
const published = Map.groupBy
  ? Map.groupBy(data.published, (values) => values[0])
  : data.published.reduce((map, v) => map.set(v[0], [...(map.get(v[0]) || []), v]), new Map());
let order = { column: "score", descending: false }; // best first, which is the order of the rows in the data

// --- elements ---------------------------------------------------------------------------------------------------------

/** Creates an element with attributes. Children that are not elements become text. */
function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick") made.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// --- words ------------------------------------------------------------------------------------------------------------

const known = (value) => value !== null && value !== undefined;
const score = (value) => (known(value) ? value.toFixed(4) : "");
const large = (value, digits = 1) =>
  known(value) ? value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }) : "";
const plain = (value) => (known(value) ? String(Number(value.toPrecision(6))) : "");
const gflops = (value) => (known(value) ? large(value / 1e9, value < 1e11 ? 1 : 0) : "");
const when = (sparsity, pattern) => (sparsity === 0 ? "all weights kept" : `sparsity ${plain(sparsity)}, ${pattern}`);
const rankOf = (row) => (!row.rank ? "–" : row.rank[0] === row.rank[1] ? `${row.rank[0]}` : `${row.rank[0]}–${row.rank[1]}`);
const counted = (n, one, many) => `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;

function notes(row) {
  const told = Object.entries(row.told).map(([what, n]) => `${n} ${what}`);
  if (row.rank && row.rank[3].length) told.unshift(`incomplete: lacks seed ${row.rank[3].join(", ")}`);
  return told.join("; ");
}

function recipe(table) {
  const r = table.recipe;
  if (!r) return "";
  const words = [`${counted(r.steps, "step", "steps")} of ${r.optimizer}`, `batch ${r.batch_size}`, `rate ${r.rate}`];
  if (r.momentum) words.push(`momentum ${r.momentum}`);
  if (r.weight_decay) words.push(`weight decay ${r.weight_decay}`);
  return words.join(", ");
}

// --- filters ----------------------------------------------------------------------------------------------------------

const FIELDS = ["task", "model", "sparsity", "pattern", "budget", "family"];
const valueOf = (table, row, field) =>
  ({ task: table.label, model: table.model, budget: table.budget, sparsity: plain(row.sparsity) })[field] ?? row[field];

function offer() {
  for (const field of FIELDS) {
    const values = new Set(data.tables.flatMap((table) => table.rows.map((row) => valueOf(table, row, field))));
    const numeric = field === "sparsity";
    const sorted = [...values].sort(numeric ? (a, b) => a - b : undefined);
    form.elements[field].append(el("option", { value: "" }, "all"), ...sorted.map((v) => el("option", { value: v }, v)));
  }
}

/** Whether a row passes the filters. The dense network is shown for every sparsity and pattern. */
function asked(table, row) {
  const text = form.elements.text.value.trim().toLowerCase();
  const dense = row.sparsity === 0;
  return (
    FIELDS.every((field) => {
      const wanted = form.elements[field].value;
      return !wanted || valueOf(table, row, field) === wanted || (dense && (field === "sparsity" || field === "pattern"));
    }) && (!text || row.label.toLowerCase().includes(text))
  );
}

// --- tables -----------------------------------------------------------------------------------------------------------

const COLUMNS = [
  { name: "rank", title: "Rank", by: (row) => (row.rank ? row.rank[0] + row.rank[1] / 1000 : null), cls: "rank" },
  { name: "method", title: "Method", by: (row) => row.label, cls: "text" },
  { name: "score", title: "", by: (row) => row.loss },
  { name: "interval", title: "95 % interval", by: (row) => (known(row.low) ? row.high - row.low : null) },
  { name: "std", title: "Std", by: (row) => row.std, cls: "minor" },
  { name: "n", title: "Seeds", by: (row) => row.n, cls: "minor" },
  { name: "trainings", title: "Trainings", by: (row) => row.trainings, cls: "minor" },
  { name: "flops", title: "GFLOPs", by: (row) => row.flops, cls: "minor" },
  { name: "seconds", title: "Seconds", by: (row) => row.seconds, cls: "minor" },
];

/** A table without a standing, as one of single seeds, has no column of ranks; one that was measured has further ones. */
function columnsOf(table) {
  const measured = (table.worth?.heads || []).map((head, i) => ({ name: head, title: head, by: (row) => row.worth[i][1], cls: "minor" }));
  return [...COLUMNS.filter(({ name }) => name !== "rank" || ranked(table)), ...measured];
}

const ranked = (table) => table.rows.some((row) => row.rank);

function sorted(table, rows) {
  const { by } = columnsOf(table).find((column) => column.name === order.column) || { by: () => null };
  const sign = order.descending ? -1 : 1;
  const flip = table.direction === "max" ? -1 : 1;
  const keyed = rows.map((row, place) => ({ row, place, key: by({ ...row, loss: known(row.mean) ? flip * row.mean : null }) }));
  keyed.sort((a, b) => {
    if (known(a.key) !== known(b.key)) return known(a.key) ? -1 : 1; // rows without a value come last in both directions
    if (!known(a.key) || a.key === b.key) return a.place - b.place;
    return sign * (typeof a.key === "string" ? a.key.localeCompare(b.key) : a.key - b.key);
  });
  return keyed.map(({ row }) => row);
}

function sort(column) {
  order = { column, descending: order.column === column ? !order.descending : false };
  draw();
  document.querySelector(`[data-table="${CSS.escape(sort.from)}"] [data-column="${column}"]`)?.focus();
}

function head(table, id) {
  const cells = columnsOf(table).map(({ name, title, cls }) => {
    const falls = order.descending !== (name === "score" && table.direction === "max"); // best first: the highest
    const state = order.column !== name ? "none" : falls ? "descending" : "ascending";
    const shown = name === "score" ? table.metric : title;
    const told = name === "score" ? `${table.metric}, ${table.direction === "max" ? "higher" : "lower"} is better` : title;
    const press = () => { sort.from = id; sort(name); };
    return el("th", { scope: "col", class: cls, "aria-sort": state },
      el("button", { type: "button", "data-column": name, onclick: press, "aria-label": `Sort by ${told}` }, shown));
  });
  return el("thead", {}, el("tr", {}, cells, el("th", { scope: "col", class: "text minor" }, "Notes")));
}

/** Draws the mean and its interval on the scale of its group, 140 pixels wide. */
function plot(row, scale, dense) {
  const at = (value) => 4 + (132 * (value - scale.low)) / (scale.high - scale.low || 1);
  const parts = [svg("line", { class: "whole", x1: 0, x2: 140, y1: 8, y2: 8 })];
  if (known(dense)) parts.push(svg("line", { class: "dense", x1: at(dense), x2: at(dense), y1: 0, y2: 16 }));
  if (known(row.low)) parts.push(svg("line", { class: "interval", x1: at(row.low), x2: at(row.high), y1: 8, y2: 8 }));
  parts.push(svg("circle", { class: "mean", cx: at(row.mean), cy: 8, r: 3 }));
  const told = known(row.low) ? `${score(row.low)} to ${score(row.high)}` : "one seed: no interval";
  return svg("svg", { class: "plot", viewBox: "0 0 140 16", preserveAspectRatio: "none", role: "img", "aria-label": told }, ...parts);
}

function line(table, row, scale, dense) {
  const shown = known(row.mean)
    ? el("button", { class: "value", type: "button", "data-row": row.id, onclick: () => show(table, row), "aria-label": `${row.label}: ${score(row.mean)}, show its runs` }, score(row.mean))
    : el("button", { class: "value none", type: "button", "data-row": row.id, onclick: () => show(table, row), "aria-label": `${row.label}: no result, show its runs` }, "no result");
  const seen = row.verified && row.verified === row.runs.length;
  const mark = seen ? el("span", { class: "good", title: "every run verified", "aria-label": "verified" }, " ✓") : "";
  return el("tr", { class: row.family === "control" ? "control" : null },
    ranked(table) ? el("td", { class: "rank" }, rankOf(row)) : [],
    el("td", { class: "text method" }, row.label, mark),
    el("td", {}, shown),
    el("td", {}, known(row.mean) && scale.high > scale.low ? plot(row, scale, dense) : ""),
    el("td", { class: "minor" }, score(row.std)),
    el("td", { class: "minor" }, String(row.n)),
    el("td", { class: "minor" }, large(row.trainings)),
    el("td", { class: "minor" }, gflops(row.flops)),
    el("td", { class: "minor" }, large(row.seconds)),
    (row.worth || []).map(([text]) => el("td", { class: text.endsWith("slower") ? "minor bad" : "minor" }, text)),
    el("td", { class: "text minor wrap bad" }, notes(row)));
}

function groupOf(table, rows, dense) {
  const ends = rows.flatMap((row) => [row.low, row.high, row.mean]).concat(dense).filter(known);
  const scale = rows.length > 1 ? { low: Math.min(...ends), high: Math.max(...ends) } : { low: 0, high: 0 };
  const about = el("span", { class: "about" }, rows.length > 1 ? counted(rows.length, "method", "methods") : "");
  const title = when(rows[0].sparsity, rows[0].pattern);
  return el("tbody", {},
    el("tr", {}, el("th", { scope: "rowgroup", colspan: columnsOf(table).length + 1 }, title[0].toUpperCase() + title.slice(1), about)),
    sorted(table, rows).map((row) => line(table, row, scale, dense)));
}

function board(table, rows) {
  const id = [table.label, table.model, table.budget].join(" ");
  const groups = Map.groupBy ? Map.groupBy(rows, (row) => when(row.sparsity, row.pattern)) : grouped(rows);
  const dense = table.rows.find((row) => row.sparsity === 0 && row.family === "dense")?.mean;
  const title = `${table.label} · ${table.model}`;
  const told = `budget ${table.budget}; ${table.metric} on the test split, ${table.direction === "max" ? "higher" : "lower"} is better`;
  const parts = [...groups.values()].sort((a, b) => a[0].sparsity - b[0].sparsity);
  return el("section", { class: "board", "data-table": id, "aria-label": `${title}, budget ${table.budget}` },
    el("header", {}, el("h2", {}, title), el("span", { class: "about" }, told), el("span", { class: "recipe" }, recipe(table))),
    el("div", { class: "pictures" }, table.pictures.map(figure)),
    el("div", { class: "scroll" }, el("table", {}, head(table, id), parts.map((part) => groupOf(table, part, dense)))),
    table.worth ? el("p", { class: "about" }, table.worth.about) : null,
    papers(table));
}

function figure([title, address]) {
  return el("figure", {}, el("img", { src: address, alt: title, loading: "lazy" }), el("figcaption", {}, title[0].toUpperCase() + title.slice(1)));
}

function grouped(rows) {
  const found = new Map();
  for (const row of rows) {
    const key = when(row.sparsity, row.pattern);
    found.set(key, [...(found.get(key) || []), row]);
  }
  return found;
}

function draw() {
  const chosen = data.tables.map((table) => [table, table.rows.filter((row) => asked(table, row))]).filter(([, rows]) => rows.length);
  const shown = chosen.reduce((sum, [, rows]) => sum + rows.length, 0);
  const all = data.tables.reduce((sum, table) => sum + table.rows.length, 0);
  const nothing = el("p", { class: "empty" }, "No row fits these filters.");
  document.getElementById("boards").replaceChildren(...(shown ? chosen.map(([table, rows]) => board(table, rows)) : [nothing]));
  document.getElementById("count").textContent = `${shown.toLocaleString("en-US")} of ${counted(all, "row", "rows")}`;
}

// --- published numbers ------------------------------------------------------------------------------------------------

function papers(table) {
  const wanted = form.elements.sparsity.value;
  const all = (published.get(table.task) || []).map(read).filter((one) => one.metric === table.metric);
  const near = all.filter((one) => !wanted || one.sparsity === 0 || (known(one.sparsity) && Math.abs(one.sparsity - wanted) < 0.02));
  near.sort((a, b) => (b.model === table.model) - (a.model === table.model)); // the same network first, otherwise in the order of the files
  return near.length ? published_list(table.label, near, wanted ? `, near sparsity ${wanted}` : "") : null;
}

function read(values) {
  const [task, sparsity, mean, std, n, ...words] = values;
  return named(NUMBER, [task, sparsity, mean, std, n, ...words.map((word) => data.texts[word])]);
}

function published_list(label, numbers, where = "") {
  const count = new Set(numbers.map((one) => one.paper)).size;
  const title = `Published for ${label}${where}: ${counted(numbers.length, "number", "numbers")} of ${counted(count, "paper", "papers")}`;
  const made = el("details", { class: "published" }, el("summary", {}, title));
  made.addEventListener("toggle", () => made.open && made.children.length === 1 && made.append(...published_table(numbers)), { once: true });
  return made;
}

function published_table(numbers) {
  const body = el("tbody");
  const more = el("button", { type: "button", class: "quiet more" }, "");
  const add = () => {
    body.append(...numbers.slice(body.children.length, body.children.length + AT_ONCE).map(published_line));
    more.textContent = `Show more (${(numbers.length - body.children.length).toLocaleString("en-US")} left)`;
    more.hidden = body.children.length >= numbers.length;
  };
  more.addEventListener("click", add);
  add();
  const titles = [["Method", "text"], ["Network", "text"], ["Sparsity", ""], ["Value", ""], ["Std", "minor"], ["n", "minor"], ["Source", "text"]];
  const told = "Not measured here: other recipes, other splits, other hands. Compare with care, and never row by row.";
  return [el("p", {}, told), el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, titles.map(([title, cls]) => el("th", { scope: "col", class: cls || null }, title)))), body)), more];
}

function published_line(one) {
  const note = one.note ? ` — ${one.note}` : "";
  return el("tr", {},
    el("td", { class: "text method" }, one.algorithm, one.variant ? `: ${one.variant}` : ""),
    el("td", { class: "text" }, one.model),
    el("td", {}, known(one.sparsity) ? plain(one.sparsity) : "–"),
    el("td", {}, `${score(one.mean)}`),
    el("td", { class: "minor" }, score(one.std)),
    el("td", { class: "minor" }, known(one.n) ? String(one.n) : ""),
    el("td", { class: "text cite" }, el("span", { class: "tag", "data-tag": one.tag }, one.tag), ` ${one.paper}, ${one.table}. ${one.source}${note}`));
}

function elsewhere() {
  const here = new Set(data.tables.map((table) => table.task));
  const others = [...published.keys()].filter((task) => !here.has(task)).sort();
  const section = document.getElementById("elsewhere");
  section.hidden = !others.length;
  document.getElementById("others").append(...others.map((task) => published_list(task, published.get(task).map(read))));
}

// --- one row ----------------------------------------------------------------------------------------------------------

const pairs = (entries) => el("dl", { class: "pairs" }, entries.filter(([, value]) => known(value) && value !== "").map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));

function show(table, row) {
  document.getElementById("panel-title").textContent = row.label;
  const runs = row.runs.map((values) => named(RUN, values));
  document.getElementById("panel-body").replaceChildren(...summary(table, row, runs), ...seeds(table, runs), ...worth(table, row), ...doubts(row), ...made(row, runs));
  panel.dataset.row = row.id;
  remember();
  if (!panel.open) panel.showModal();
  panel.scrollTop = 0;
}

function summary(table, row, runs) {
  const interval = known(row.low) ? `95 % interval ${score(row.low)} to ${score(row.high)}` : "";
  const spread = known(row.std) ? `std ${score(row.std)}` : "";
  const details = [spread, interval, counted(row.n, "seed", "seeds")].filter(Boolean).join(" · ");
  const rank = row.rank ? `${rankOf(row)} of ${row.rank[2]} methods` : "";
  return [
    el("p", { class: "big" }, known(row.mean) ? score(row.mean) : "no result", el("small", {}, `${table.metric} on the test split; ${details}`)),
    el("h3", {}, "The question"),
    pairs([
      ["task", `${table.label}, ${table.model}, budget ${table.budget}`], ["asked", when(row.sparsity, row.pattern)], ["family", row.family],
      ["rank", rank], ["recipe", recipe(table)], ["peak memory", row.bytes ? `${large(row.bytes / 2 ** 20, 0)} MiB` : ""], ["notes", notes(row)],
    ]),
    el("h3", {}, "Run it again"),
    command(`${row.command} ${[...new Set(runs.map((run) => run.seed))].join(",")}`),
  ];
}

function command(text) {
  const code = el("code", {}, text.split(" ").map((word) => [el("span", {}, word), " "])); // so that lines break between words
  const button = el("button", { type: "button", class: "quiet" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // without access to the clipboard, select the text for the reader to copy
    }
  });
  return el("div", { class: "command" }, code, button);
}

function seeds(table, runs) {
  const edges = runs.some((run) => known(run.edges)); // of graphs
  const titles = ["Seed", table.metric, "Validation", "Density", "Effective", ...(edges ? ["Edges"] : []), "Trainings", "GFLOPs", "Seconds", "Audit", "Verified", "Record"];
  const rows = runs.flatMap((run) => {
    const audit = run.audit === null ? el("span", {}, "–") : run.audit ? el("span", { class: "good" }, "passed") : el("span", { class: "bad" }, "failed");
    const seen = run.verified ? el("span", { class: "good", title: run.verified[1] }, run.verified[0]) : "–";
    const value = run.status === "ok" ? plain(run.score) : el("span", { class: "bad" }, run.status);
    const cells = [String(run.seed), value, score(run.validation), plain(run.density), plain(run.effective), ...(edges ? [plain(run.edges)] : []), large(run.trainings), gflops(run.flops), large(run.seconds), audit, seen, el("code", {}, run.key)];
    const first = el("tr", {}, cells.map((cell) => el("td", {}, cell)));
    return run.error ? [first, el("tr", {}, el("td", { colspan: titles.length, class: "error" }, run.error))] : [first];
  });
  return [
    el("h3", {}, counted(runs.length, "run", "runs")),
    el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, titles.map((title) => el("th", { scope: "col" }, title)))), el("tbody", {}, rows))),
    el("p", { class: "about" }, "All of a record: ", el("code", {}, `bench show ${runs[0].key}`), ". Trained again: ", el("code", {}, `bench verify ${runs[0].key}`)),
  ];
}

function worth(table, row) {
  if (!row.worth?.some(([text]) => text)) return [];
  return [el("h3", {}, "What zeros are worth"), pairs(row.worth.map(([text], i) => [table.worth.heads[i], text])), el("p", { class: "about" }, table.worth.about)];
}

function doubts(row) {
  if (!row.controls.length) return [];
  const signed = (value) => (known(value) ? (value < 0 ? "" : "+") + value.toFixed(4) : "");
  const lines = row.controls.map(([name, difference, low, high, verdict]) =>
    el("tr", {}, [["text", name], ["", signed(difference)], ["", known(low) ? `${signed(low)} to ${signed(high)}` : ""], ["text wrap", verdict]].map(([cls, text]) => el("td", { class: cls || null }, text))));
  const titles = [["Control", "text"], ["Method minus control", ""], ["95 % interval", ""], ["What that allows to say", "text"]];
  return [el("h3", {}, "Questioned by"), el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, titles.map(([title, cls]) => el("th", { scope: "col", class: cls || null }, title)))), el("tbody", {}, lines)))];
}

function made(row, runs) {
  const places = [...new Set(runs.map((run) => run.place))];
  return [el("h3", {}, "Where it was measured"), ...places.map((place) => {
    const told = { ...data.places[place] };
    if (told.commit) told.commit = told.commit.slice(0, 12) + (told.dirty ? " with changes" : "");
    delete told.dirty;
    const of = places.length > 1 ? [["seeds", runs.filter((run) => run.place === place).map((run) => run.seed).join(", ")]] : [];
    return pairs([...of, ...Object.entries(told).map(([name, value]) => [name, known(value) ? String(value) : ""])]);
  })];
}

// --- state ------------------------------------------------------------------------------------------------------------

/** Keeps filters and the open row in the address, after #, so that a view can be shared as a link. */
function remember() {
  const state = new URLSearchParams();
  for (const field of [...FIELDS, "text"]) if (form.elements[field].value) state.set(field, form.elements[field].value);
  if (panel.dataset.row) state.set("row", panel.dataset.row);
  history.replaceState(null, "", `#${state}`);
}

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  for (const field of [...FIELDS, "text"]) form.elements[field].value = state.get(field) || "";
  for (const field of FIELDS) if (form.elements[field].selectedIndex < 0) form.elements[field].value = "";
  draw();
  for (const table of data.tables) for (const row of table.rows) if (row.id === state.get("row")) show(table, row);
}

const THEMES = ["auto", "light", "dark"];
function theme(name) {
  if (name === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  const button = document.getElementById("theme");
  button.textContent = `Theme: ${name}`;
  button.dataset.theme = name;
  try { localStorage.setItem("prunebench-theme", name); } catch { /* without storage, the theme is chosen anew on each visit */ }
}

function remembered() {
  try { return localStorage.getItem("prunebench-theme"); } catch { return null; }
}

form.addEventListener("input", () => { draw(); remember(); });
form.addEventListener("reset", () => setTimeout(() => { draw(); remember(); }));
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("close").addEventListener("click", () => panel.close());
panel.addEventListener("close", () => {
  const id = panel.dataset.row;
  delete panel.dataset.row;
  remember();
  document.querySelector(`[data-row="${CSS.escape(id || "")}"]`)?.focus();
});
panel.addEventListener("click", (event) => event.target === panel && panel.close()); // a click outside the sheet
document.getElementById("theme").addEventListener("click", (event) => theme(THEMES[(THEMES.indexOf(event.target.dataset.theme) + 1) % 3]));
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !panel.open && !/INPUT|SELECT/.test(document.activeElement.tagName)) {
    event.preventDefault();
    form.elements.text.focus();
  }
});
addEventListener("hashchange", recall);

theme(THEMES.includes(remembered()) ? remembered() : "auto");
offer();
elsewhere();
recall();
