// One row in full: its question, its runs, what questions it, where it was made, and how to make it again.

const RUN = "key seed status score validation density effective edges trainings flops seconds bytes audit verified place error".split(" ");

const pairs = (entries) => el("dl", { class: "pairs" }, entries.filter(([, content]) => known(content) && content !== "").map(([name, content]) => [el("dt", {}, name), el("dd", {}, content)]));

function show(table, row) {
  document.getElementById("panel-title").textContent = row.label;
  const runs = row.runs.map((values) => named(RUN, values));
  document.getElementById("panel-body").replaceChildren(
    ...summary(table, row), ...again(row), ...seeds(table, runs), ...worth(table, row), ...doubts(row), ...made(runs));
  panel.dataset.row = row.id;
  if (!panel.open) panel.showModal();
  panel.scrollTop = 0;
}

function summary(table, row) {
  const interval = known(row.ci_low) ? `95 % interval ${score(row.ci_low)} to ${score(row.ci_high)}` : "";
  const spread = known(row.std) ? `std ${score(row.std)}` : "";
  const details = [spread, interval, counted(row.n, "seed", "seeds")].filter(Boolean).join(" · ");
  const rank = row.rank_of ? `${rankOf(row)} of ${row.rank_of} methods` : "";
  const memory = row.cost.peak_bytes ? `${mib(row.cost.peak_bytes)} MiB` : "";
  return [
    el("p", { class: "big" }, known(row.mean) ? score(row.mean) : "no result", el("small", {}, `${table.metric} on the test split; ${details}`)),
    el("h3", {}, "The question"),
    pairs([
      ["task", `${table.label}, ${table.model}, budget ${table.budget}`], ["asked", when(row.sparsity, row.pattern)], ["family", row.family],
      ["rank", rank], ["recipe", recipe(table)], ["peak memory", memory], ["notes", notes(row)],
    ]),
  ];
}

/** What to type: for each set of versions that made runs of the row, what installs it, and then the runs. */
function again(row) {
  const unknown = "The records do not say which versions made these runs.";
  return [
    el("h3", {}, "Run it again"),
    ...row.again.flatMap(([versions, asks]) => [data.texts[versions] ? command(data.texts[versions]) : el("p", { class: "about" }, unknown), command(asks)]),
  ];
}

function seeds(table, runs) {
  const edges = runs.some((run) => known(run.edges)); // of graphs
  const heads = ["Seed", table.metric, "Validation", "Density", "Effective", ...(edges ? ["Edges"] : []), "Trainings", "GFLOPs", "Seconds", "Audit", "Verified", "Record"];
  const rows = runs.flatMap((run) => {
    const audit = run.audit === null ? "–" : run.audit ? el("span", { class: "good" }, "passed") : el("span", { class: "bad" }, "failed");
    const seen = run.verified ? el("span", { class: "good", title: run.verified[1] }, run.verified[0]) : "–";
    const result = run.status === "ok" ? plain(run.score) : el("span", { class: "bad" }, run.status);
    const cells = [String(run.seed), result, score(run.validation), plain(run.density), plain(run.effective), ...(edges ? [plain(run.edges)] : []), large(run.trainings), gflops(run.flops), large(run.seconds), audit, seen, el("code", {}, run.key)];
    return run.error ? [cells, el("tr", {}, el("td", { colspan: heads.length, class: "error" }, run.error))] : [cells];
  });
  return [
    el("h3", {}, counted(runs.length, "run", "runs")),
    grid(heads, rows),
    el("p", { class: "about" }, "All of a record: ", el("code", {}, `bench show ${runs[0].key}`), ". Trained again: ", el("code", {}, `bench verify ${runs[0].key}`)),
  ];
}

function worth(table, row) {
  if (!row.worth?.some(([text]) => text)) return [];
  return [el("h3", {}, "What zeros are worth"), pairs(row.worth.map(([text], i) => [table.worth.heads[i], text])), el("p", { class: "about" }, table.worth.about)];
}

function doubts(row) {
  if (!row.controls.length) return [];
  const signed = (number) => (known(number) ? (number < 0 ? "" : "+") + number.toFixed(4) : "");
  const rows = row.controls.map(([name, difference, low, high, verdict]) =>
    [name, signed(difference), known(low) ? `${signed(low)} to ${signed(high)}` : "", verdict]);
  return [el("h3", {}, "Questioned by"), grid([["Control", "text"], "Method minus control", "95 % interval", ["What that allows to say", "text wrap"]], rows)];
}

function made(runs) {
  const places = [...groups(runs, (run) => run.place)];
  return [el("h3", {}, "Where it was measured"), ...places.map(([place, there]) => {
    const told = { ...data.places[place] };
    if (told.commit) told.commit = told.commit.slice(0, 12) + (told.dirty ? " with changes" : "");
    delete told.dirty;
    const of = places.length > 1 ? [["seeds", there.map((run) => run.seed).join(", ")]] : [];
    return pairs([...of, ...Object.entries(told).map(([name, content]) => [name, known(content) ? String(content) : ""])]);
  })];
}
