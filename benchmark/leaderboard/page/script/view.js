// The view as a link: filters, order, columns and the open row stand in the address, after #. Then the page starts.

const complaint = document.getElementById("lost");
const sortable = () => new Set([...COLUMNS, ...data.tables.flatMap(measuredOf)].map(({ name }) => name));
const rowOf = (id) => data.tables.flatMap((table) => table.rows.map((row) => [table, row])).find(([, row]) => row.id === id);

function fragment() {
  const state = new URLSearchParams();
  for (const field of [...FIELDS, "text"]) if (form.elements[field].value) state.set(field, form.elements[field].value);
  if (order.column !== BEST_FIRST.column || order.descending) state.set("sort", (order.descending ? "-" : "") + order.column);
  if (chosen) state.set("columns", chosen.join());
  if (panel.dataset.row) state.set("row", panel.dataset.row);
  return state.size ? `#${state}` : "#";
}

/** Puts the view into the address: as a new entry of the history, or in place of the last one, as while typing. */
function remember(replace = false) {
  complaint.hidden = true;
  if (fragment() === (location.hash || "#")) return;
  history[replace ? "replaceState" : "pushState"](null, "", fragment());
}

/** What a link asks for that this page does not have; empty if it has all of it. */
function missing(state) {
  const has = {
    text: () => true,
    sort: (name) => sortable().has(name.replace(/^-/, "")),
    columns: (names) => names.split(",").every((name) => !name || CHOICES.some((one) => one.name === name)),
    row: (id) => rowOf(id),
  };
  for (const field of FIELDS) has[field] = (name) => [...form.elements[field].options].some((option) => option.value === name);
  return [...state].filter(([key, name]) => !(Object.hasOwn(has, key) && has[key](name))).map(([key, name]) => (name ? `${key} “${name}”` : `“${key}”`));
}

/** Shows the view that the address names; the default one if it names a place of the page, or what is not there. */
function recall() {
  const place = location.hash.slice(1);
  const asked = new URLSearchParams(document.getElementById(place) ? "" : place);
  const lost = missing(asked);
  const state = lost.length ? new URLSearchParams() : asked;
  for (const field of [...FIELDS, "text"]) form.elements[field].value = state.get(field) || "";
  const column = state.get("sort") || BEST_FIRST.column;
  order = { column: column.replace(/^-/, ""), descending: column.startsWith("-") };
  chosen = state.has("columns") ? state.get("columns").split(",").filter(Boolean) : null;
  showChosen();
  draw();
  delete panel.dataset.row;
  panel.close();
  if (state.has("row")) show(...rowOf(state.get("row")));
  complaint.hidden = !lost.length;
  complaint.textContent = `The link asks for ${lost.join(" and ")}, which this page does not have. This is the default view.`;
}

let typing = false; // whether the last change was a letter, so that a word is one entry of the history
form.addEventListener("input", ({ target }) => {
  if (target.name === "column") takeChosen();
  draw();
  remember(typing && target.name === "text");
  typing = target.name === "text";
});
form.addEventListener("reset", () => setTimeout(() => { history.pushState(null, "", "#"); recall(); }));
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("link").addEventListener("click", ({ target }) => copy(location.href, target));
document.getElementById("close").addEventListener("click", () => panel.close());
panel.addEventListener("close", () => {
  const id = panel.dataset.row;
  if (!id) return; // closed by the history: the address is as it should be
  delete panel.dataset.row;
  remember();
  document.querySelector(`[data-row="${CSS.escape(id)}"]`)?.focus();
});
panel.addEventListener("click", (event) => event.target === panel && panel.close()); // a click outside the sheet
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !panel.open && !/INPUT|SELECT/.test(document.activeElement.tagName)) {
    event.preventDefault();
    form.elements.text.focus();
  }
});
for (const jump of document.querySelectorAll('a[href^="#"]'))
  jump.addEventListener("click", (event) => { // not by the address, which holds the view
    event.preventDefault();
    const place = document.querySelector(jump.hash);
    place.focus({ preventScroll: true });
    for (const delay of [0, 50, 300]) setTimeout(() => place.scrollIntoView(), delay); // what is passed is drawn then, and grows
  });
addEventListener("hashchange", recall);
NARROW.addEventListener("change", () => { showChosen(); draw(); });

// --- theme ------------------------------------------------------------------------------------------------------------

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

document.getElementById("theme").addEventListener("click", (event) => theme(THEMES[(THEMES.indexOf(event.target.dataset.theme) + 1) % 3]));

// --- start ------------------------------------------------------------------------------------------------------------

theme(THEMES.includes(remembered()) ? remembered() : "auto");
offer();
offerColumns();
overall();
experiments();
elsewhere();
recall();
