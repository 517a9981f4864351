// Experiments: the question, the verdicts in a sentence, and behind it the claims, figures and tables.

function experiments() {
  document.getElementById("experiments").hidden = !data.experiments.length;
  document.getElementById("answers").append(...data.experiments.map(experiment));
}

function experiment(one) {
  const line = [el("code", {}, one.name), one.asks ? el("strong", {}, upper(one.asks)) : "", el("span", {}, one.verdict)];
  return folded("experiment", line, () => [
    el("p", { class: "about" }, "What is asked, and how: ", el("code", {}, one.info), ". Ask it again:"), command(one.command),
    el("div", { class: "pictures" }, one.figures.map(([name, packed]) => unpacked(name, packed))),
    one.tables.map(answerTable),
  ]);
}

/** An image that is compressed in the data of the page. */
function unpacked(title, packed) {
  const made = figure([title, "data:,"]);
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text()
    .then((text) => { made.firstChild.src = `data:image/svg+xml,${encodeURIComponent(text)}`; });
  return made;
}

const VERDICT = { holds: "good", "DOES NOT HOLD": "bad" };

function answerTable([title, heads, rows]) {
  const numbers = heads.map((_, i) => rows.every((row) => !row[i] || !Number.isNaN(Number(row[i]))));
  const classes = heads.map((head, i) => [head, numbers[i] ? "" : "text wrap"]);
  const cells = rows.map((row) => row.map((text) => (VERDICT[text] ? el("span", { class: VERDICT[text] }, text) : text)));
  return [el("h3", {}, title), grid(classes, cells)];
}
