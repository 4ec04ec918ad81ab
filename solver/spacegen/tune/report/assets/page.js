// The chosen trial, the controls and the colours.

let chosen = trials.findIndex((trial) => trial.state === FRONT);
if (chosen < 0) chosen = trials.length ? 0 : null;

// What differs from the defaults, or, where those are unknown, between trials: name, default or null, value.
function changes(row) {
  const base = data.defaults;
  const other = base === null ? varied : data.columns.filter((column) => column.codes[row] !== column.codes[base]);
  return other.map((column) => [column.name, base === null ? null : column.labels[column.codes[base]], column.labels[column.codes[row]]]);
}

function byImportance() {
  const weight = (name) => Object.values(data.importances).reduce((sum, shares) => sum + (shares[name] ?? 0), 0);
  return varied.map((column) => column.name).sort((a, b) => weight(b) - weight(a));
}

function fact(name, value) {
  return value === undefined || value === null || value === "" ? null : node("div", null, node("dt", null, name), node("dd", null, String(value)));
}

function changed(row) {
  const found = changes(row);
  const items = found.map(([name, before, after]) => node("li", null, `${name}: `, before === null ? null : node("s", null, before), before === null ? null : " → ", node("strong", null, after)));
  const title = data.defaults === null ? "parameters" : "changes to the defaults";
  return node("div", null, node("dt", null, title), found.length ? node("ul", { class: "changes" }, ...items) : node("dd", null, "none"));
}

function values(row) {
  const trial = trials[row];
  const lines = data.metrics.filter((_, i) => trial.metrics[i] !== null).map((name) => {
    const [low, high] = trial.spread?.[name] ?? [];
    const range = low === undefined || low === null ? "" : `${shown(low)} – ${shown(high)}`;
    return node("tr", null, node("th", { scope: "row" }, name), node("td", { class: "number" }, shown(metric(row, name))), node("td", { class: "note" }, range));
  });
  return lines.length ? node("table", null, node("tbody", null, ...lines)) : null;
}

function drawDetails() {
  const place = document.getElementById("details");
  if (chosen === null) return place.replaceChildren("There is no trial.");
  const trial = trials[chosen];
  const badge = node("span", { class: `badge state-${trial.state}` }, data.states[trial.state]);
  const parts = [
    node("h3", null, `Trial ${trial.number}${chosen === data.defaults ? " (defaults)" : ""}`, badge),
    values(chosen),
    fact("limits that it misses", trial.missed?.join(", ")),
    fact(trial.cause, trial.message),
    command("launch command", trial.command),
    changed(chosen),
    command("load command", trial.load),
    trial.tail ? node("details", null, node("summary", null, "end of the log"), node("pre", { tabindex: "0" }, trial.tail)) : null,
    fact("log", trial.log),
    fact("the server changed", trial.altered?.map(([name, given, run]) => `${name}: ${given} → ${run}`).join(", ")),
    fact("GPUs", trial.gpu_ids),
    fact("use of GPUs", trial.use === undefined ? null : `${Math.round(trial.use * 100)} %, at most ${shown(trial.memory)} MiB`),
    fact("seconds", trial.seconds),
    fact("rank in the space", trial.rank),
    fact("came from", trial.origin),
  ];
  place.replaceChildren(...parts.filter((part) => part !== null));
}

function choose(row, stay) {
  chosen = row;
  drawDetails();
  drawFront();
  for (const line of body.children) line.classList.toggle("chosen", Number(line.dataset.row) === row);
  if (!stay) document.getElementById("details").scrollTop = 0;
}

// A metric that spans orders of magnitude is read better that way.
function wide(name) {
  const found = measured().map((row) => metric(row, name)).filter((value) => value !== null);
  const least = found.reduce((a, b) => Math.min(a, b), Infinity);
  return least > 0 && found.reduce((a, b) => Math.max(a, b), 0) > 30 * least;
}

function scales() {
  for (const side of ["x", "y"]) {
    const name = document.getElementById(`front-${side}`).value;
    document.getElementById(`front-log-${side}`).checked = name !== "" && wide(name);
  }
}

function listenFront() {
  const known = data.metrics.filter((name) => rows.some((row) => metric(row, name) !== null));
  const [first, second] = data.goals.map((goal) => goal.metric);
  if (second === undefined) document.getElementById("front-controls").hidden = true;
  else {
    options("front-x", known, first);
    options("front-y", known, second);
  }
  scales();
  for (const id of ["front-x", "front-y"]) document.getElementById(id).addEventListener("input", () => { scales(); drawFront(); });
  for (const id of ["front-log-x", "front-log-y"]) document.getElementById(id).addEventListener("input", drawFront);
}

function clicked(point) {
  if (Number.isInteger(point.customdata)) choose(point.customdata);
}

function drawCharts() {
  for (const one of [drawFront, drawHistory, drawImportances, drawSlices, drawParallel]) one();
}

listenColours();
listenFront();
listenTable();
options("slices-parameter", byImportance());
options("parallel-colour", data.goals.map((goal) => goal.metric));
document.getElementById("slices-parameter").addEventListener("input", drawSlices);
document.getElementById("parallel-colour").addEventListener("input", drawParallel);
document.querySelectorAll("a.pick").forEach((link) => link.addEventListener("click", () => choose(Number(link.dataset.row))));
drawDetails();
drawTable();
drawCharts();
document.documentElement.dataset.ready = "yes";
