// What is shown, as a file: columns are named and written as `bench leaderboard --format csv|json` does.

const ONE_CELL = ["options", "task_options", "scores"]; // mappings that CSV keeps in one column, as JSON

/** The fields of a row that always go into a file, and those of the columns that are shown, in the order of the command. */
function fieldsOf(row) {
  const names = new Set([...ALWAYS, ...CHOICES.filter(({ name }) => wanted().includes(name)).flatMap(({ fields }) => fields)]);
  const told = {};
  for (const name of data.columns) {
    if (names.has(name)) told[name] = row[name];
    else if (inner(name).some((field) => names.has(field)))
      told[name] = Object.fromEntries(Object.entries(row[name]).filter(([part]) => names.has(`${name}.${part}`)));
  }
  return told;
}

const shownFields = () => view().flatMap(([, parts]) => parts.flat()).map(fieldsOf);

/** The text of a cell. One that a spreadsheet would take for a formula gets an apostrophe before it. */
function cellOf(content) {
  if (!known(content)) return "";
  if (typeof content === "boolean") return content ? "True" : "False";
  const text = typeof content === "object" ? JSON.stringify(content) : String(content);
  const safe = typeof content === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function flat(row) {
  const spread = ([name, content]) =>
    known(content) && typeof content === "object" && !Array.isArray(content) && !ONE_CELL.includes(name)
      ? Object.entries(content).map(([part, item]) => [`${name}.${part}`, item])
      : [[name, content]];
  return Object.fromEntries(Object.entries(row).flatMap(spread));
}

function csvOf(rows) {
  const lines = rows.map(flat);
  const names = [...new Set(lines.flatMap(Object.keys))];
  return [names.map(cellOf), ...lines.map((line) => names.map((name) => cellOf(line[name])))].map((cells) => `${cells.join()}\n`).join("");
}

function save(form, text) {
  const address = URL.createObjectURL(new Blob([text], { type: form === "csv" ? "text/csv" : "application/json" }));
  el("a", { href: address, download: `prunebench-${data.digest}.${form}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the browser has read it by then
}

document.getElementById("csv").addEventListener("click", () => save("csv", csvOf(shownFields())));
document.getElementById("json").addEventListener("click", () => save("json", `${JSON.stringify(shownFields(), null, 1)}\n`));
