// What pages share: their data, elements, the look of charts, commands to copy, light and dark.
// A page defines drawCharts(), which draws all of them anew, and clicked(point).

const data = JSON.parse(document.getElementById("data").textContent);

function node(tag, attributes, ...content) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith("on")) found.addEventListener(name.slice(2), value);
    else if (value !== null) found.setAttribute(name, value);
  }
  found.append(...content.filter((part) => part !== null));
  return found;
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
// Plotly takes some markup in texts; values are none.
const literal = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const brief = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const shown = (value) => (value === null || value === undefined ? "–" : Number(value.toPrecision(4)).toString());

function layout(more) {
  const axis = { gridcolor: css("grid"), zerolinecolor: css("grid"), linecolor: css("line"), automargin: true };
  const { xaxis, yaxis, ...rest } = more;
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: css("text"), size: 12 },
    margin: { l: 60, r: 20, t: 20, b: 50 }, hoverlabel: { align: "left", bgcolor: css("card"), bordercolor: css("line"), font: { color: css("text") } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: css("line"), activecolor: css("text") },
    legend: { orientation: "h", y: 1.08, x: 0 }, showlegend: true, hovermode: "closest",
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
  };
}

function draw(name, traces, more) {
  const place = document.getElementById(name);
  if (place.classList.contains("empty")) {
    place.classList.remove("empty");
    place.textContent = "";
  }
  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["lasso2d", "select2d"] };
  Plotly.react(place, traces, layout(more), config);
  if (!place.dataset.listens) {
    place.dataset.listens = "yes";
    place.on("plotly_click", (event) => clicked(event.points[0]));
  }
}

function instead(name, words) {
  const place = document.getElementById(name);
  if (place.dataset.listens) Plotly.purge(place);
  delete place.dataset.listens;
  place.classList.add("empty");
  place.textContent = words;
}

// Clipboards are refused to some pages opened from a file: then the selection is copied the old way.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = node("textarea", { "aria-hidden": "true", style: "position:fixed;opacity:0" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function command(title, text) {
  if (!text) return null;
  const button = node("button", { type: "button", class: "control", "aria-label": `Copy the ${title}` }, "Copy");
  button.addEventListener("click", async () => {
    button.textContent = (await copy(text)) ? "Copied" : "Select it";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  return node("div", null, node("dt", null, title), node("div", { class: "command" }, node("pre", { tabindex: "0" }, text), button));
}

function options(id, names, wanted) {
  const place = document.getElementById(id);
  place.append(...names.map((name) => node("option", { value: name }, name)));
  if (wanted !== undefined) place.value = wanted;
}

function colours(theme) {
  document.documentElement.dataset.theme = theme;
  drawCharts();
}

function listenColours() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let theme = dark.matches ? "dark" : "light";
  const turn = (to) => { theme = to; colours(theme); };
  document.documentElement.dataset.theme = theme;
  document.getElementById("theme").addEventListener("click", () => turn(theme === "dark" ? "light" : "dark"));
  dark.addEventListener("change", () => turn(dark.matches ? "dark" : "light"));
  window.addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("details")) one.open = true;
    colours("light");
  });
  window.addEventListener("afterprint", () => colours(theme));
}
