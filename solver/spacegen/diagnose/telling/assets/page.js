// The timeline of the chosen launch, and the memory of all of them.

const { launches, findings } = data;
const PANELS = [
  { key: "rate", title: "tokens/s", colour: "front" },
  { key: "running", title: "running", colour: "second" },
  { key: "queue", title: "queue", colour: "missed" },
  { key: "usage", title: "token usage", colour: "third", range: [0, 1.02] },
];
const SEVERITY = { error: "failed", warning: "missed", info: "front" };
const MEMORY = { "weights": "front", "KV pool": "second", "graphs": "missed", "other": "measured", "available when ready": "grid" };
const PHASES = { "weights": "measured", "KV pool": "front", "graph capture": "second", "warm-up": "missed", "serving": "third" };
const BARS = 30; // launches that a chart of bars leaves readable: those around the chosen one
const PAUSE = 30000; // milliseconds without a batch: the server had nothing to do
let chosen = 0;

const unstamped = (launch) => !launch.timed && Object.keys(launch.columns).length > 0;
const told = (finding) => `<b>${literal(finding.severity)}</b> ${literal(finding.id)}<br>${wrapped(finding.summary)}`;

function wrapped(text) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if (lines.at(-1).length + word.length > 80) lines.push("");
    lines[lines.length - 1] += `${word} `;
  }
  return lines.map(literal).join("<br>");
}

// Intervals without a line of a batch are joined by the curve, unless the server had nothing to do.
function curve(launch, panel, axis) {
  const x = [], y = [];
  let last = 0;
  launch.columns[panel.key].forEach((value, i) => {
    if (value === null) return;
    if (x.length && launch.timed && (i - last) * launch.width > PAUSE) {
      x.push(launch.start + (last + 1) * launch.width);
      y.push(null);
    }
    x.push(launch.start + (i + 0.5) * launch.width);
    y.push(value);
    last = i;
  });
  return {
    type: "scatter", mode: y.length > 60 ? "lines" : "lines+markers", x, y, name: panel.title, xaxis: "x", yaxis: axis,
    line: { color: css(panel.colour), width: 1.6 }, marker: { size: 4 }, hovertemplate: `%{y:,.4~g} ${panel.title}<extra></extra>`,
  };
}

function retractions(launch, axis) {
  const { joined, values } = launch.retractions;
  const width = joined * launch.width;
  return {
    type: "bar", x: values.map((_, i) => launch.start + (i + 0.5) * width), width: values.map(() => width), y: values, name: "retractions", xaxis: "x", yaxis: axis,
    marker: { color: css("defaults") }, hovertemplate: `%{y:.3~g} retractions ${per(launch)}<extra></extra>`,
  };
}

const per = (launch) => (unstamped(launch) ? "in 100 lines" : "a minute");

function lanes(launch, axis) {
  const bars = launch.phases.map((one) => ({
    type: "bar", orientation: "h", base: [one.from], x: [Math.max(one.to - one.from, 1)], y: ["phases"], xaxis: "x", yaxis: axis, width: 0.6,
    marker: { color: css(PHASES[one.phase]), opacity: 0.75 }, name: one.phase, text: [one.phase], textposition: "inside", insidetextanchor: "middle", textangle: 0,
    hovertemplate: `${literal(one.phase)}: ${lasted(one.to - one.from)}<extra></extra>`,
  }));
  const marks = launch.findings.map((one) => ({ ...findings[one.row], ...one }));
  return [...bars, {
    type: "scatter", mode: "markers", x: marks.map((one) => one.at), y: marks.map(() => "findings"), xaxis: "x", yaxis: axis, customdata: marks.map((one) => one.row),
    marker: { size: 14, symbol: "triangle-down", color: marks.map((one) => css(SEVERITY[one.severity])), line: { width: 1, color: css("card") } },
    text: marks.map(told), hovertemplate: "%{text}<extra></extra>", name: "findings",
  }];
}

const lasted = (milliseconds) => (milliseconds < 120000 ? `${shown(milliseconds / 1000)} s` : `${shown(milliseconds / 60000)} min`);

function drawTimeline() {
  const launch = launches[chosen];
  if (!launch) return instead("timeline", "There is no launch.");
  const panels = PANELS.filter((panel) => launch.columns[panel.key]);
  if (!panels.length && !launch.phases.length) return instead("timeline", "The log has no line of a batch, and no times.");
  if (launch.retractions) panels.push({ key: "retractions", title: `retractions<br>${per(launch)}` });
  const rows = panels.length + 1;
  const gap = 0.02, lane = panels.length ? 0.1 : 1, each = (1 - lane - gap * rows) / Math.max(panels.length, 1);
  const axis = { gridcolor: css("grid"), zerolinecolor: css("grid"), linecolor: css("line"), automargin: true };
  const more = { showlegend: false, hovermode: "x", hoversubplots: "axis", bargap: 0, barmode: "overlay", uniformtext: { mode: "hide", minsize: 9 }, margin: { l: 70, r: 20, t: 10, b: 45 }, shapes: [], uirevision: String(chosen) };
  const traces = [];
  more.yaxis = { ...axis, domain: [1 - lane, 1], type: "category", categoryarray: ["phases", "findings"], categoryorder: "array", range: [-0.6, 1.6], fixedrange: true };
  traces.push(...lanes(launch, "y"));
  panels.forEach((panel, i) => {
    const top = 1 - lane - gap - i * (each + gap);
    more[`yaxis${i + 2}`] = { ...axis, domain: [Math.max(top - each, 0), top], title: { text: panel.title }, rangemode: "tozero", ...(panel.range ? { range: panel.range } : {}) };
    traces.push(panel.key === "retractions" ? retractions(launch, `y${i + 2}`) : curve(launch, panel, `y${i + 2}`));
    if (panel.key === "retractions" && launch.timed) more.shapes.push(level(data.guide.retractions * launch.ranks, `y${i + 2}`));
    if (panel.key === "usage") more.shapes.push(level(data.guide.usage, `y${i + 2}`));
    if (panel.key === "running" && launch.most && Math.max(...launch.columns.running) > launch.most * launch.ranks / 2) more.shapes.push(level(launch.most * launch.ranks, `y${i + 2}`));
  });
  more.xaxis = { ...axis, type: unstamped(launch) ? "linear" : "date", anchor: panels.length ? `y${panels.length + 1}` : "y", title: { text: unstamped(launch) ? "lines of batches" : "" }, showspikes: true, spikemode: "across", spikethickness: 1, spikecolor: css("quiet"), spikedash: "dot" };
  for (const [x0, x1] of launch.steady) {
    more.shapes.push({ type: "rect", xref: "x", yref: "paper", x0, x1, y0: 0, y1: 1 - lane - gap, line: { width: 0 }, fillcolor: css("grid"), opacity: 0.55, layer: "below" });
  }
  for (const one of launch.findings) {
    more.shapes.push({ type: "line", xref: "x", yref: "paper", x0: one.at, x1: one.at, y0: 0, y1: 1 - lane / 3, line: { color: css(SEVERITY[findings[one.row].severity]), width: 1, dash: "dot" } });
  }
  document.getElementById("timeline").style.height = panels.length ? `${140 + 150 * panels.length}px` : "200px";
  draw("timeline", traces, more);
}

const level = (y, axis) => ({ type: "line", xref: "paper", yref: axis, x0: 0, x1: 1, y0: y, y1: y, line: { color: css("quiet"), width: 1, dash: "dash" } });

function drawMemory() {
  const all = launches.map((launch, i) => [launch, i]).filter(([launch]) => Object.keys(launch.memory).length);
  const first = Math.max(0, Math.min(all.findIndex(([, i]) => i >= chosen) - BARS / 2, all.length - BARS));
  const known = all.slice(first, first + BARS);
  if (!known.length) return instead("memory", "The log does not say what memory went to.");
  const names = known.map(([launch, i]) => brief(literal(launch.name), 40) + (i === chosen && launches.length > 1 ? " ◀" : ""));
  const traces = Object.keys(MEMORY).filter((part) => known.some(([launch]) => part in launch.memory)).map((part) => ({
    type: "bar", orientation: "h", name: part, y: known.map(([, i]) => i), x: known.map(([launch]) => launch.memory[part] ?? 0), customdata: known.map(([, i]) => ({ launch: i })),
    marker: { color: css(MEMORY[part]), line: { width: 1, color: css("line") } }, text: known.map(([launch]) => (part in launch.memory ? shown(launch.memory[part]) : "")), textposition: "inside", insidetextanchor: "middle", textangle: 0,
    hovertemplate: `${literal(part)}: %{x:.2f} GB<extra></extra>`,
  }));
  const chart = document.getElementById("memory");
  const legend = chart.clientWidth < 520 ? 19 * traces.length : 0; // a line for each part
  chart.style.height = `${110 + legend + 34 * known.length}px`;
  draw("memory", traces, {
    barmode: "stack", uniformtext: { mode: "hide", minsize: 9 }, margin: { l: 60, r: 20, t: 30, b: 45 }, legend: { orientation: "h", y: 1, yanchor: "bottom", x: 0, traceorder: "normal" },
    xaxis: { title: { text: "GB of one GPU" }, rangemode: "tozero" }, yaxis: { tickvals: known.map(([, i]) => i), ticktext: names, autorange: "reversed" },
  });
}

function drawCharts() {
  drawTimeline();
  drawMemory();
}

function clicked(point) {
  if (Number.isInteger(point.customdata)) return show(point.customdata);
  if (point.customdata?.launch !== undefined) choose(point.customdata.launch);
}

function show(row) {
  for (const line of document.querySelectorAll(".findings tbody tr")) line.classList.toggle("chosen", line.id === `finding-${row}`);
  document.getElementById(`finding-${row}`).scrollIntoView({ block: "center" });
}

function choose(number) {
  chosen = number;
  document.getElementById("launch").value = String(number);
  for (const part of document.querySelectorAll("#arguments > [data-of]")) part.hidden = Number(part.dataset.of) !== number;
  document.querySelectorAll(".launches tbody tr").forEach((line, i) => line.classList.toggle("chosen", launches.length > 1 && i === number));
  drawCharts();
}

function listen() {
  const select = document.getElementById("launch");
  select.append(...launches.map((launch, i) => node("option", { value: String(i) }, launch.name)));
  select.addEventListener("input", () => choose(Number(select.value)));
  document.getElementById("launch-control").hidden = launches.length < 2;
  for (const link of document.querySelectorAll("[data-pick]")) link.addEventListener("click", () => choose(Number(link.dataset.pick)));
}

listenColours();
listen();
// The launch that says most is seen first.
choose(Math.max(0, findings.length ? findings[0].launch : launches.findIndex((launch) => launch.columns.rate)));
document.documentElement.dataset.ready = "yes";
