// Filters of the matrix, copy buttons, arrow keys. Every page is complete without it.
"use strict";

const matrix = document.getElementById("matrix");
const form = document.getElementById("filter");

// The state of the filters lives in the address, so that a view can be sent to somebody.
function chosen() {
  const data = new FormData(form);
  return { q: data.get("q").trim().toLowerCase(), c: data.get("c"), v: data.getAll("v"), l: data.getAll("l"), d: data.getAll("d").map(Number) };
}

function remember(state) {
  const hash = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) if (value.length) hash.set(key, [value].flat().join(","));
  const text = hash.toString();
  history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
  for (const link of document.querySelectorAll("a.language")) link.hash = text;
}

function recall() {
  const hash = new URLSearchParams(location.hash.slice(1));
  form.reset();
  form.elements.q.value = hash.get("q") ?? "";
  form.elements.c.value = hash.get("c") ?? "";
  for (const box of form.querySelectorAll("input[type=checkbox]"))
    box.checked = (hash.get(box.name) ?? "").split(",").includes(box.value);
  if (hash.get("d")) form.querySelector("details").open = true;
}

const columns = document.createElement("style");
document.head.append(columns);

function apply() {
  const { q, c, v, l, d } = chosen();
  const count = matrix.tHead.rows[0].cells.length - 1;
  const shownColumns = d.length ? d : Array.from({ length: count }, (_, index) => index + 1);
  const hidden = Array.from({ length: count }, (_, index) => index + 1).filter((index) => !shownColumns.includes(index));
  columns.textContent = hidden.length ? hidden.map((index) => `.matrix tr > :nth-child(${index + 1})`).join() + "{display:none}" : "";
  let rows = 0, all = 0;
  for (const group of matrix.tBodies) {
    let any = false;
    for (const row of group.rows) {
      if (row.classList.contains("g")) continue;
      all += 1;
      const shown =
        (!c || group.dataset.c === c) &&
        (!l.length || l.includes(row.dataset.l)) &&
        (!v.length || shownColumns.some((index) => v.includes(row.cells[index].className))) &&
        (!q || row.cells[0].textContent.toLowerCase().includes(q));
      row.hidden = !shown;
      any ||= shown;
      rows += shown;
    }
    group.hidden = !any;
  }
  const output = form.querySelector("output");
  output.textContent = output.dataset.text.replace("{n}", rows).replace("{all}", all);
}

// One tab stop for the whole matrix; the arrow keys walk over its cells.
function walk(event) {
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const cell = event.target.closest("td");
  if (!step || !cell) return;
  event.preventDefault();
  const rows = [...matrix.querySelectorAll("tbody:not([hidden]) tr:not([hidden]):not(.g)")];
  let [row, column] = [rows.indexOf(cell.parentElement), cell.cellIndex];
  for (;;) {
    [row, column] = [row + step[0], column + step[1]];
    const next = rows[row]?.cells[column];
    if (!next || column < 1) return;
    const link = next.querySelector("a");
    if (!link || !link.offsetParent) continue;
    event.target.tabIndex = -1;
    link.tabIndex = 0;
    link.focus();
    return;
  }
}

if (matrix && form) {
  form.hidden = false;
  recall();
  apply();
  if (location.hash) remember(chosen());
  form.addEventListener("input", () => { apply(); remember(chosen()); });
  form.addEventListener("reset", () => setTimeout(() => { apply(); remember(chosen()); }));
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => { recall(); apply(); });
  matrix.querySelectorAll("td a").forEach((link, index) => { link.tabIndex = index ? -1 : 0; });
  matrix.addEventListener("keydown", walk);
}

const zh = document.documentElement.lang === "zh-CN";
for (const block of document.querySelectorAll(".copy")) {
  const button = document.createElement("button");
  const label = zh ? "复制" : "Copy";
  button.type = "button";
  button.textContent = label;
  button.addEventListener("click", async () => {
    const code = block.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // A page from disk may not reach the clipboard: leave the text selected for the reader.
      getSelection().selectAllChildren(code);
      return;
    }
    button.textContent = "✓";
    setTimeout(() => { button.textContent = label; }, 1200);
  });
  block.append(button);
}

// A link to a folded part opens it.
function unfold() {
  const part = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = part && part.closest("details");
  if (details) { details.open = true; part.scrollIntoView(); }
}
if (!matrix) { unfold(); addEventListener("hashchange", unfold); }
