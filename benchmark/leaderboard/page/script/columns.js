// The columns of the tables: what each shows, sorts by, and writes to a file. Readers choose among them.

const rankOf = (row) => (!row.rank_of ? "–" : row.rank_best === row.rank_worst ? `${row.rank_best}` : `${row.rank_best}–${row.rank_worst}`);
const flopsOf = ({ cost }) => (known(cost.training_flops) ? cost.training_flops + cost.scoring_flops : null);
const FAILURES = ["failed", "diverged", "skipped", "timeout"];

function notes(row) {
  const told = Object.entries(row.told).map(([what, n]) => `${n} ${what}`);
  if (row.missing_seeds.length) told.unshift(`incomplete: lacks seed ${row.missing_seeds.join(", ")}`);
  return told.join("; ");
}

/** Columns, in order: `by` is what rows are sorted by, `fields` are the names of the same in files. */
const COLUMNS = [
  { name: "rank", title: "Rank", cls: "rank", by: (row) => (row.rank_of ? row.rank_best + row.rank_worst / 1000 : null), cell: rankOf, fields: ["rank_best", "rank_worst", "rank_of", "missing_seeds"] },
  { name: "method", title: "Method", cls: "text method", always: true, by: (row) => row.label, cell: method },
  { name: "score", always: true, by: (row, table) => (known(row.mean) ? row.mean * (table.direction === "max" ? -1 : 1) : null), cell: value },
  { name: "interval", title: "95 % interval", by: (row) => (known(row.ci_low) ? row.ci_high - row.ci_low : null), cell: plot, fields: ["ci_low", "ci_high"] },
  { name: "std", title: "Std", by: (row) => row.std, cell: (row) => score(row.std), fields: ["std"] },
  { name: "n", title: "Seeds", by: (row) => row.n, cell: (row) => String(row.n), fields: ["n", "scores"] },
  { name: "validation", title: "Validation", extra: true, by: (row) => row.validation, cell: (row) => score(row.validation), fields: ["validation"] },
  { name: "trainings", title: "Trainings", by: (row) => row.cost.trainings, cell: (row) => large(row.cost.trainings), fields: ["cost.trainings", "cost.training_steps"] },
  { name: "flops", title: "GFLOPs", by: flopsOf, cell: (row) => gflops(flopsOf(row)), fields: ["cost.scoring_passes", "cost.training_flops", "cost.scoring_flops"] },
  { name: "seconds", title: "Seconds", by: (row) => row.cost.seconds, cell: (row) => large(row.cost.seconds), fields: ["cost.seconds"] },
  { name: "memory", title: "Peak MiB", extra: true, by: (row) => row.cost.peak_bytes, cell: (row) => mib(row.cost.peak_bytes), fields: ["cost.peak_bytes"] },
];
const NOTES = { name: "notes", title: "Notes", cls: "text wrap", cell: (row) => el("span", { class: "bad" }, notes(row)), fields: ["verified", ...FAILURES] };

const ALWAYS = ["task", "task_options", "model", "budget", "algorithm", "options", "pattern", "sparsity", "metric", "direction", "mean", "label", "task_label", "in_parts"];
const inner = (name) => (name === "cost" ? COLUMNS.flatMap(({ fields }) => fields || []).filter((field) => field.startsWith("cost.")) : [name]);
const ofColumns = new Set([...ALWAYS, ...[...COLUMNS, NOTES].flatMap(({ fields }) => fields || [])]);

/** What `bench measure` found: a column for each way in which a table's networks were run; readers choose them as one. */
const MEASURED = { name: "measured", title: "What zeros are worth", fields: data.columns.filter((name) => !inner(name).some((field) => ofColumns.has(field))) };

function measuredOf(table) {
  return (table.worth?.heads || []).map((head, i) => ({
    name: head,
    title: head,
    by: (row) => row.worth[i][1],
    cell: (row) => el("span", { class: row.worth[i][0].endsWith("slower") ? "bad" : null }, row.worth[i][0]),
  }));
}

const CHOICES = [...COLUMNS.filter(({ always }) => !always), ...(MEASURED.fields.length ? [MEASURED] : []), NOTES];
const NARROW = matchMedia("(max-width: 46rem)");
const usual = () => CHOICES.map(({ name, extra }) => [name, extra]).filter(([name, extra]) => !extra && (!NARROW.matches || /^(rank|interval)$/.test(name))).map(([name]) => name);

let chosen = null; // names of the columns that were chosen; null: the usual ones for the width of the screen
const wanted = () => chosen ?? usual();

/** A table without a standing, as one of single seeds, has no column of ranks. */
function columnsOf(table) {
  const names = wanted();
  const ranked = table.rows.some((row) => row.rank_of);
  const own = COLUMNS.filter(({ name, always }) => always || (names.includes(name) && (name !== "rank" || ranked)));
  return [...own, ...(names.includes("measured") ? measuredOf(table) : []), ...(names.includes("notes") ? [NOTES] : [])];
}

function offerColumns() {
  const box = ({ name, title }) => el("label", {}, el("input", { type: "checkbox", name: "column", value: name }), title);
  document.getElementById("columns").append(...CHOICES.map(box));
}

const boxes = () => [...form.querySelectorAll('[name="column"]')];
const showChosen = () => boxes().forEach((box) => (box.checked = wanted().includes(box.value)));

/** Takes the columns that are ticked; the usual ones are no choice, so that a link with them fits any screen. */
function takeChosen() {
  const ticked = boxes().filter((box) => box.checked).map((box) => box.value);
  chosen = ticked.join() === usual().join() ? null : ticked;
}

// --- cells ------------------------------------------------------------------------------------------------------------

function method(row) {
  const seen = row.verified && row.verified === row.runs.length;
  return [row.label, seen ? el("span", { class: "good", title: "every run verified", "aria-label": "verified" }, " ✓") : ""];
}

function value(row, table) {
  const open = () => { show(table, row); remember(); };
  const [shown, told, cls] = known(row.mean) ? [score(row.mean), score(row.mean), "value"] : ["no result", "no result", "value none"];
  return el("button", { class: cls, type: "button", "data-row": row.id, onclick: open, "aria-label": `${row.label}: ${told}, show its runs` }, shown);
}

/** Draws the mean and its interval on the scale of its group, 140 pixels wide. */
function plot(row, table, scale) {
  if (!known(row.mean) || scale.high <= scale.low) return "";
  const at = (number) => 4 + (132 * (number - scale.low)) / (scale.high - scale.low);
  const parts = [svg("line", { class: "whole", x1: 0, x2: 140, y1: 8, y2: 8 })];
  if (known(scale.dense)) parts.push(svg("line", { class: "dense", x1: at(scale.dense), x2: at(scale.dense), y1: 0, y2: 16 }));
  if (known(row.ci_low)) parts.push(svg("line", { class: "interval", x1: at(row.ci_low), x2: at(row.ci_high), y1: 8, y2: 8 }));
  parts.push(svg("circle", { class: "mean", cx: at(row.mean), cy: 8, r: 3 }));
  const told = known(row.ci_low) ? `${score(row.ci_low)} to ${score(row.ci_high)}` : "one seed: no interval";
  return svg("svg", { class: "plot", viewBox: "0 0 140 16", preserveAspectRatio: "none", role: "img", "aria-label": told }, ...parts);
}
