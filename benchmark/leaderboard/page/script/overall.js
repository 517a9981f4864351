// Views over all tasks, of all records of the page, whatever the filters: profiles, and ranks.

function overall() {
  const section = document.getElementById("overall");
  section.hidden = !data.overall.length;
  section.append(...data.overall.map(overallOf));
}

function overallOf({ title, about, test, near, methods, pictures }) {
  return el("section", { class: "board", "aria-label": title },
    el("header", {}, el("h3", {}, title), el("span", { class: "recipe" }, about)),
    methods ? [
      el("div", { class: "pictures" }, pictures.map(figure)),
      el("p", { class: "about" }, test),
      folded("folded", `${counted(methods.length, "method", "methods")} in numbers`, () => [overallTable(near, methods)]),
    ] : []);
}

function overallTable(near, methods) {
  const heads = [["Method", "text method"], "Mean rank", "Without a task", ...near.map((factor) => `Within ${factor}×`)];
  return grid(heads, methods.map(([label, mean, low, high, ...shares]) =>
    [label, mean.toFixed(2), `${low.toFixed(2)} to ${high.toFixed(2)}`, ...shares.map((share) => share.toFixed(2))]));
}
