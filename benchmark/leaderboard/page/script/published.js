// Published numbers, set apart from measured ones.

const NUMBER = "task sparsity mean std n model algorithm variant metric paper source table tag note".split(" ");
const AT_ONCE = 60; // published numbers shown at first
const published = groups(data.published, ([task]) => task);

function papers(table) {
  const asked = form.elements.sparsity.value;
  const all = (published.get(table.task) || []).map(read).filter((one) => one.metric === table.metric);
  const near = all.filter((one) => !asked || one.sparsity === 0 || (known(one.sparsity) && Math.abs(one.sparsity - asked) < 0.02));
  near.sort((a, b) => (b.model === table.model) - (a.model === table.model)); // the same network first, otherwise in the order of the files
  return near.length ? publishedList(table.label, near, asked ? `, near sparsity ${asked}` : "") : null;
}

function read(values) {
  const [task, sparsity, mean, std, n, ...words] = values;
  return named(NUMBER, [task, sparsity, mean, std, n, ...words.map((word) => data.texts[word])]);
}

function publishedList(label, numbers, where = "") {
  const count = new Set(numbers.map((one) => one.paper)).size;
  const title = `Published for ${label}${where}: ${counted(numbers.length, "number", "numbers")} of ${counted(count, "paper", "papers")}`;
  return folded("published", title, () => publishedTable(numbers));
}

function publishedTable(numbers) {
  const heads = [["Method", "text method"], ["Network", "text"], "Sparsity", "Value", ["Std", "minor"], ["n", "minor"], ["Source", "text cite"]];
  const table = grid(heads, numbers.slice(0, AT_ONCE).map(publishedLine));
  const more = el("button", { type: "button", class: "quiet more" }, "");
  const told = () => {
    const left = numbers.length - table.querySelector("tbody").children.length;
    more.textContent = `Show more (${left.toLocaleString("en-US")} left)`;
    more.hidden = left <= 0;
  };
  more.addEventListener("click", () => {
    const body = table.querySelector("tbody");
    const next = numbers.slice(body.children.length, body.children.length + AT_ONCE);
    body.append(...grid(heads, next.map(publishedLine)).querySelector("tbody").children);
    told();
  });
  told();
  return [el("p", {}, "Not measured here: other recipes, other splits, other hands. Compare with care, and never row by row."), table, more];
}

function publishedLine(one) {
  const note = one.note ? ` — ${one.note}` : "";
  return [
    [one.algorithm, one.variant ? `: ${one.variant}` : ""], one.model, known(one.sparsity) ? plain(one.sparsity) : "–",
    score(one.mean), score(one.std), known(one.n) ? String(one.n) : "",
    [el("span", { class: "tag", "data-tag": one.tag }, one.tag), ` ${one.paper}, ${one.table}. ${one.source}${note}`],
  ];
}

function elsewhere() {
  const here = new Set(data.tables.map((table) => table.task));
  const others = [...published.keys()].filter((task) => !here.has(task)).sort();
  document.getElementById("elsewhere").hidden = !others.length;
  document.getElementById("others").append(...others.map((task) => publishedList(task, published.get(task).map(read))));
}
