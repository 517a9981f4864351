"use strict";
// The data of the page, and the words and elements that all of its parts are made of. Text from records is inserted as
// text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const form = document.getElementById("filters");
const panel = document.getElementById("panel");

const named = (names, values) => Object.fromEntries(names.map((name, i) => [name, values[i]]));
for (const table of data.tables) for (const row of table.rows) Object.assign(row, named(data.columns, row.values));

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

/** Groups items by a key, in order. */
function groups(items, keyOf) {
  const found = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(item);
  }
  return found;
}

/** A table of rows of cells; a head is a title, or a title with a class that its cells have too. */
function grid(heads, rows) {
  const pairs = heads.map((head) => (Array.isArray(head) ? head : [head, ""]));
  const cells = (row) => row.map((cell, i) => el("td", { class: pairs[i][1] || null }, cell));
  return el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, pairs.map(([title, cls]) => el("th", { scope: "col", class: cls || null }, title)))),
    el("tbody", {}, rows.map((row) => (row instanceof Node ? row : el("tr", {}, cells(row)))))));
}

/** Folds parts away under a line; they are made when it is opened for the first time. */
function folded(cls, line, make) {
  const made = el("details", { class: cls }, el("summary", {}, line));
  made.addEventListener("toggle", () => made.open && made.children.length === 1 && made.append(...make().flat(Infinity)));
  return made;
}

/** A line to type, and a button that copies it. */
function command(text) {
  const code = el("code", {}, text.split(" ").map((word) => [el("span", {}, word), " "])); // so that lines break between words
  const button = el("button", { type: "button", class: "quiet", onclick: () => copy(text, button, code) }, "Copy");
  return el("div", { class: "command" }, code, button);
}

async function copy(text, button, shown) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    if (shown) getSelection().selectAllChildren(shown); // without the clipboard, select the text for the reader to copy
    else button.textContent = "In the address bar";
  }
}

function figure([title, address]) {
  const image = el("img", { src: address, alt: title, loading: "lazy" });
  const made = el("figure", {}, image, el("figcaption", {}, upper(title)));
  // several panels beside each other take a whole line
  image.addEventListener("load", () => made.classList.toggle("wide", image.naturalWidth > 1.7 * image.naturalHeight));
  return made;
}

// --- words ------------------------------------------------------------------------------------------------------------

const known = (value) => value !== null && value !== undefined;
const score = (value) => (known(value) ? value.toFixed(4) : "");
const large = (value, digits = 1) =>
  known(value) ? value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }) : "";
const plain = (value) => (known(value) ? String(Number(value.toPrecision(6))) : "");
const gflops = (value) => (known(value) ? large(value / 1e9, value < 1e11 ? 1 : 0) : "");
const mib = (value) => (value ? large(value / 2 ** 20, 0) : "");
const when = (sparsity, pattern) => (sparsity === 0 ? "all weights kept" : `sparsity ${plain(sparsity)}, ${pattern}`);
const counted = (n, one, many) => `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;
const upper = (text) => text[0].toUpperCase() + text.slice(1);

function recipe(table) {
  const r = table.recipe;
  if (!r) return "";
  const words = [`${counted(r.steps, "step", "steps")} of ${r.optimizer}`, `batch ${r.batch_size}`, `rate ${plain(r.rate)}`];
  if (r.momentum) words.push(`momentum ${r.momentum}`);
  if (r.weight_decay) words.push(`weight decay ${r.weight_decay}`);
  return words.join(", ");
}
