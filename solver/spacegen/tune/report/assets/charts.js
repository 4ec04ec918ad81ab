// The charts. Each is drawn anew whenever its controls, the chosen trial or the colours change.

const FRONT = 0, MEASURED = 1, MISSED = 2;
const HOVERED = 16; // lines of changes that fit on a screen
const AXES = 10; // parameters that parallel coordinates leave readable

const metric = (row, name) => trials[row].metrics[data.metrics.indexOf(name)];
const measured = () => rows.filter((row) => trials[row].state <= MISSED);
const goalOf = (name) => data.goals.find((goal) => goal.metric === name);
const titled = (name) => literal(goalOf(name) ? `${name} (${goalOf(name).direction})` : name);

function hover(row) {
  const trial = trials[row];
  const lines = [`<b>trial ${trial.number}</b>${row === data.defaults ? " (defaults)" : ""}`];
  for (const goal of data.goals) lines.push(literal(`${goal.metric}: ${shown(metric(row, goal.metric))}`));
  if (trial.gpus) lines.push(`GPUs: ${trial.gpus}`);
  const changed = changes(row).map(([name, before, after]) =>
    literal(before === null ? `${name}: ${brief(after, 40)}` : `${name}: ${brief(before, 30)} → ${brief(after, 30)}`));
  lines.push(...changed.slice(0, HOVERED));
  if (changed.length > HOVERED) lines.push(`and ${changed.length - HOVERED} more`);
  return lines.join("<br>");
}

// Logarithmic axes are marked at 1, 2 and 5 of each power of ten.
const scale = (logarithmic) => (logarithmic ? { type: "log", dtick: "D2" } : { type: "linear" });

function points(found, x, y, name, marker) {
  return {
    type: "scatter", mode: "markers", name, marker, customdata: found, text: found.map(hover), hovertemplate: "%{text}<extra></extra>",
    x: found.map((row) => (x ? metric(row, x) : trials[row].number)), y: found.map((row) => metric(row, y)),
  };
}

// How far repeated measurements went to both sides.
function spread(found, name) {
  const around = (row, side) => Math.abs((trials[row].spread?.[name]?.[side] ?? metric(row, name)) - metric(row, name));
  const bars = { array: found.map((row) => around(row, 1)), arrayminus: found.map((row) => around(row, 0)) };
  return { type: "data", symmetric: false, thickness: 1, width: 3, color: css("front"), visible: bars.array.concat(bars.arrayminus).some(Boolean), ...bars };
}

function drawFront() {
  const alone = data.goals.length === 1;
  const x = alone ? null : document.getElementById("front-x").value;
  const y = alone ? data.goals[0].metric : document.getElementById("front-y").value;
  const known = measured().filter((row) => metric(row, y) !== null && (!x || metric(row, x) !== null));
  if (!known.length) return instead("front", "No trial was measured.");
  const of = (state) => known.filter((row) => trials[row].state === state);
  const front = of(FRONT).sort((a, b) => metric(a, x ?? y) - metric(b, x ?? y));
  const traces = [points(of(MEASURED), x, y, "measured", { color: css("measured"), size: 7, opacity: 0.7 })];
  if (of(MISSED).length) traces.push(points(of(MISSED), x, y, "misses a limit", { color: css("missed"), size: 7, symbol: "x-thin-open" }));
  const best = points(front, x, y, "front", { color: css("front"), size: 11, line: { color: css("card"), width: 1 } });
  if (data.goals.length === 2 && goalOf(x) && goalOf(y) && x !== y) {
    best.mode = "lines+markers";
    best.line = { shape: goalOf(x).direction === "minimize" ? "hv" : "vh", width: 1.5, color: css("front") };
  }
  traces.push({ ...best, error_y: spread(front, y), ...(x ? { error_x: spread(front, x) } : {}) });
  if (data.defaults !== null && known.includes(data.defaults)) {
    traces.push(points([data.defaults], x, y, "defaults", { color: css("defaults"), size: 15, symbol: "star" }));
  }
  if (known.includes(chosen)) {
    traces.push({ ...points([chosen], x, y, "chosen", { color: css("text"), size: 20, symbol: "circle-open", line: { width: 2 } }), hoverinfo: "skip", hovertemplate: null });
  }
  const asked = (id) => scale(document.getElementById(id).checked);
  draw("front", traces, {
    xaxis: { title: { text: x ? titled(x) : "trial" }, ...asked("front-log-x") },
    yaxis: { title: { text: titled(y) }, ...asked("front-log-y") }, uirevision: `${x} ${y}`,
  });
}

function drawHistory() {
  if (!measured().length) return instead("history", "No trial was measured.");
  const line = { type: "scatter", mode: "lines", line: { shape: "hv", color: css("front"), width: 2 }, x: trials.map((t) => t.number), y: data.history, hovertemplate: "after trial %{x}: %{y:.4f}<extra></extra>" };
  draw("history", [line], { showlegend: false, xaxis: { title: { text: "trial" } }, yaxis: { title: { text: "share dominated" }, rangemode: "tozero" } });
}

function drawImportances() {
  const goals = Object.keys(data.importances);
  const total = (name) => goals.reduce((sum, goal) => sum + (data.importances[goal][name] ?? 0), 0);
  const names = byImportance().filter(total).slice(0, 15).reverse();
  if (!names.length) return instead("importances", `Fewer than ${data.fewest} trials were measured, or all came to the same: that says nothing about importance.`);
  const colours = ["front", "second", "third", "missed"];
  const bars = goals.map((goal, i) => ({
    type: "bar", orientation: "h", name: literal(goal), marker: { color: css(colours[i % colours.length]) }, y: names.map(literal),
    x: names.map((name) => data.importances[goal][name] ?? 0), hovertemplate: "%{y}: %{x:.1%}<extra></extra>",
  }));
  draw("importances", bars, { xaxis: { tickformat: ".0%" }, yaxis: { automargin: true }, bargap: 0.25, legend: { orientation: "h", y: 1.08, x: 0, traceorder: "normal" } });
}

function drawSlices() {
  const column = data.columns.find((one) => one.name === document.getElementById("slices-parameter").value);
  if (!column || !measured().length) return instead("slices", "No parameter differs between measured trials.");
  const goals = data.goals.slice(0, 3);
  const more = { showlegend: false, grid: { rows: 1, columns: goals.length, pattern: "independent" } };
  const traces = goals.flatMap((goal, i) => {
    const found = measured().filter((row) => metric(row, goal.metric) !== null);
    const end = i ? String(i + 1) : "";
    const ticks = { tickvals: column.labels.map((_, code) => code), ticktext: column.labels.map((label) => literal(brief(label, 24))), range: [-0.6, column.labels.length - 0.4] };
    const axis = { gridcolor: css("grid"), zerolinecolor: css("grid"), linecolor: css("line"), automargin: true };
    more[`xaxis${end}`] = { ...axis, ...ticks, title: { text: literal(column.name) } };
    more[`yaxis${end}`] = { ...axis, title: { text: titled(goal.metric) }, ...scale(wide(goal.metric)) };
    return slices(column, goal.metric, found).map((trace) => ({ ...trace, xaxis: `x${end}`, yaxis: `y${end}` }));
  });
  draw("slices", traces, more);
}

function slices(column, name, found) {
  const strewn = (row) => ((row * 0.618034) % 1) * 0.5 - 0.25; // so that points do not hide each other
  const colours = [css("front"), css("measured"), css("missed")];
  const dots = points(found, null, name, "trials", { size: 6, opacity: 0.75, color: found.map((row) => colours[trials[row].state]) });
  dots.x = found.map((row) => column.codes[row] + strewn(row));
  const codes = [...new Set(found.map((row) => column.codes[row]))];
  const middle = (code) => median(found.filter((row) => column.codes[row] === code).map((row) => metric(row, name)));
  const bars = { type: "scatter", mode: "markers", x: codes, y: codes.map(middle), marker: { symbol: "line-ew", size: 34, line: { width: 3, color: css("text") } }, hovertemplate: "median: %{y:.4g}<extra></extra>" };
  return [dots, bars];
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return sorted.length % 2 ? sorted[Math.floor(half)] : (sorted[half - 1] + sorted[half]) / 2;
}

// A metric on an axis that has no logarithmic scale of its own.
function scaled(name, found) {
  const values = found.map((row) => metric(row, name));
  if (!wide(name)) return { values };
  const logarithms = values.map(Math.log10);
  const low = logarithms.reduce((a, b) => Math.min(a, b)), high = logarithms.reduce((a, b) => Math.max(a, b));
  const ticks = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const digit of [1, 2, 5]) {
      const place = power + Math.log10(digit);
      if (place >= low && place <= high) ticks.push([place, shown(digit * 10 ** power)]);
    }
  }
  return { values: logarithms, tickvals: ticks.map(([place]) => place), ticktext: ticks.map(([, text]) => text) };
}

function drawParallel() {
  const goals = data.goals.map((goal) => goal.metric);
  const found = measured().filter((row) => goals.every((name) => metric(row, name) !== null));
  if (!found.length) return instead("parallel", "No trial was measured.");
  if (!document.createElement("canvas").getContext("webgl")) return instead("parallel", "This chart needs WebGL, which this browser does not offer.");
  const colour = document.getElementById("parallel-colour").value;
  const dimensions = goals.map((name) => ({ label: titled(name), ...scaled(name, found) }));
  for (const name of byImportance().slice(0, AXES)) {
    const column = data.columns.find((one) => one.name === name);
    dimensions.push({
      label: literal(name), values: found.map((row) => column.codes[row]), range: [0, Math.max(1, column.labels.length - 1)],
      tickvals: column.labels.map((_, code) => code), ticktext: column.labels.map((label) => literal(brief(label, 16))),
    });
  }
  // The best lines stand out most: dark on light, light on dark.
  const dark = document.documentElement.dataset.theme === "dark";
  const reversed = dark === (goalOf(colour).direction === "minimize");
  const { values, ...ticks } = scaled(colour, found);
  const lines = { color: values, colorscale: "Viridis", showscale: true, reversescale: reversed, colorbar: { title: { text: titled(colour) }, thickness: 14, ...ticks } };
  const font = { color: css("text"), size: 11 };
  draw("parallel", [{ type: "parcoords", dimensions, line: lines, labelfont: font, tickfont: font, rangefont: { ...font, color: css("quiet") }, unselected: { line: { color: css("grid"), opacity: 0.3 } }, labelangle: -18, labelside: "top" }], { margin: { l: 70, r: 60, t: 90, b: 30 } });
}
