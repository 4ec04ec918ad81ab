// The table of all trials: filtered by words and comparisons, sorted by any column.

const PAGE = 200; // rows that are drawn until all are asked for
const COMPARISON = /^([^\s<>=!]+)(<=|>=|!=|=|<|>)(.*)$/;
const COMPARE = {
  "<": (a, b) => a < b, ">": (a, b) => a > b, "<=": (a, b) => a <= b, ">=": (a, b) => a >= b,
};
const trials = data.trials;
const rows = trials.map((_, row) => row);
const varied = data.columns.filter((column) => column.labels.length > 1);
const head = document.querySelector("#trials thead");
const body = document.querySelector("#trials tbody");
const sorting = { column: 0, descending: false };
let everything = false;

const fields = [
  { name: "trial", number: true, value: (row) => trials[row].number },
  { name: "state", value: (row) => data.states[trials[row].state] },
  ...data.metrics.map((name, i) => ({ name, number: true, value: (row) => trials[row].metrics[i] })),
  { name: "gpus", number: true, value: (row) => trials[row].gpus ?? null },
  { name: "seconds", number: true, value: (row) => trials[row].seconds ?? null },
  { name: "cause", value: (row) => trials[row].cause ?? "" },
  ...varied.map((column) => ({ name: column.name, value: (row) => column.labels[column.codes[row]], order: (row) => column.codes[row] })),
].filter((field) => field.name === "trial" || rows.some((row) => ![null, ""].includes(field.value(row))));

const written = (field, row) => {
  const value = field.value(row);
  if (value === null) return "–";
  return field.number && !Number.isInteger(value) ? Number(value.toPrecision(5)).toString() : String(value);
};

function compares(field, sign, wanted, row) {
  const value = field.value(row);
  const number = Number(wanted);
  if (wanted !== "" && !Number.isNaN(number) && value !== null && value !== "" && !Number.isNaN(Number(value))) {
    if (sign === "=" || sign === "!=") return (Number(value) === number) === (sign === "=");
    return COMPARE[sign](Number(value), number);
  }
  const same = String(value ?? "").toLowerCase() === wanted;
  return sign === "=" ? same : sign === "!=" ? !same : false;
}

function condition(word) {
  const parts = COMPARISON.exec(word);
  const field = parts && fields.find((one) => one.name.toLowerCase() === parts[1]);
  if (field) return (row) => compares(field, parts[2], parts[3], row);
  return (row) => fields.some((one) => written(one, row).toLowerCase().includes(word)) || (trials[row].message ?? "").toLowerCase().includes(word);
}

function matching() {
  const words = document.getElementById("filter").value.toLowerCase().split(/\s+/).filter(Boolean).map(condition);
  const state = document.getElementById("state").value;
  return rows.filter((row) => (state === "" || data.states[trials[row].state] === state) && words.every((holds) => holds(row)));
}

function ordered(found) {
  const field = fields[sorting.column];
  const key = field.order ?? field.value;
  const sign = sorting.descending ? -1 : 1;
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, "en") : a - b);
  // What is unknown comes last, whichever way.
  return found.sort((a, b) => (key(a) === null) - (key(b) === null) || (key(a) === null ? 0 : sign * compare(key(a), key(b))) || a - b);
}

function drawHead() {
  head.replaceChildren(node("tr", null, ...fields.map((field, i) => {
    const sort = () => {
      sorting.descending = sorting.column === i && !sorting.descending;
      sorting.column = i;
      drawTable();
      head.querySelectorAll("button")[i].focus();
    };
    const order = sorting.column !== i ? "none" : sorting.descending ? "descending" : "ascending";
    return node("th", { scope: "col", "aria-sort": order }, node("button", { type: "button", onclick: sort }, field.name));
  })));
}

function drawTable() {
  drawHead();
  const found = ordered(matching());
  const drawn = everything ? found : found.slice(0, PAGE);
  body.replaceChildren(...drawn.map((row) => {
    const number = node("th", { scope: "row" }, node("button", { type: "button", class: "pick" }, String(trials[row].number)));
    const cells = fields.slice(1).map((field) => {
      const text = written(field, row);
      if (field.name === "state") return node("td", null, node("span", { class: `badge state-${trials[row].state}` }, text));
      return node("td", { class: field.number ? "number" : null, title: text.length > 30 ? text : null }, text);
    });
    return node("tr", { "data-row": row, class: row === chosen ? "chosen" : null, onclick: () => choose(row, true) }, number, ...cells);
  }));
  document.getElementById("shown").textContent = `${found.length} of ${rows.length} trials` + (drawn.length < found.length ? `, the first ${drawn.length} of them drawn` : "");
  document.getElementById("more").hidden = drawn.length === found.length;
}

function listenTable() {
  const state = document.getElementById("state");
  state.append(node("option", { value: "" }, "all"));
  for (const name of data.states.filter((_, i) => trials.some((trial) => trial.state === i))) state.append(node("option", { value: name }, name));
  for (const id of ["filter", "state"]) document.getElementById(id).addEventListener("input", drawTable);
  document.getElementById("more").addEventListener("click", () => { everything = true; drawTable(); });
  const same = data.columns.filter((column) => column.labels.length === 1).map((column) => `${column.name}: ${column.labels[0]}`);
  document.getElementById("same").textContent = same.length ? `The same in all trials: ${same.join(", ")}.` : "";
}
