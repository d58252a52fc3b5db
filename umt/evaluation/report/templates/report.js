"use strict";
// Sorts tables by a click on a heading, filters their rows, and shows tooltips. Text is only ever set as text.

function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value; else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function choice(label, names, changed) {
  const select = make("select", {}, ...names.map((name, number) => make("option", { value: number }, name)));
  select.addEventListener("change", changed);
  return [make("label", {}, label, select), select];
}

function sortKey(cell, numeric) {
  const text = cell.dataset.order ?? cell.textContent.trim();
  if (!numeric) return text;
  const number = parseFloat(text.replaceAll(",", ""));
  return Number.isNaN(number) ? null : number;
}

function sortBy(table, heading) {
  const column = heading.cellIndex;
  const ascending = heading.getAttribute("aria-sort") === "descending" || (
    !heading.hasAttribute("aria-sort") && !heading.classList.contains("number"));
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const filled = rows.map((row) => row.cells[column]).filter((cell) => cell.textContent.trim());
  const numeric = filled.length > 0 && filled.every((cell) => sortKey(cell, true) !== null)
    && (heading.classList.contains("number") || filled.every((cell) => /^[-\d.,%]+$/.test(cell.textContent.trim())));
  const keyed = rows.map((row) => [row.cells[column].textContent.trim() ? sortKey(row.cells[column], numeric) : null, row]);
  const sign = ascending ? 1 : -1;
  keyed.sort(([one], [other]) => {
    if (one === null || other === null) return (one === null) - (other === null);  // what is empty stays last
    return sign * (numeric ? one - other : one.localeCompare(other, undefined, { numeric: true }));
  });
  body.append(...keyed.map(([, row]) => row));
}

function makeSortable(table) {
  for (const heading of table.tHead.rows[0].cells) {
    heading.tabIndex = 0;
    heading.title = "sort";
    heading.addEventListener("click", () => sortBy(table, heading));
    heading.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sortBy(table, heading); }
    });
  }
}

function makeFilter(label) {
  const [input, output] = [label.querySelector("input"), label.querySelector("output")];
  const rows = label.parentElement.querySelectorAll("tbody tr");
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    output.textContent = words.length ? `${shown} of ${rows.length}` : "";
  });
}

function makeTooltips() {
  const box = document.getElementById("tooltip");
  for (const title of document.querySelectorAll("svg title")) {
    title.parentElement.dataset.tooltip = title.textContent;
    title.remove();  // the browser's own would come a second later
  }
  const place = (event) => {
    const mark = event.target.closest?.("[data-tooltip]");
    box.hidden = !mark;
    if (!mark) return;
    box.textContent = mark.dataset.tooltip;
    const [width, height] = [box.offsetWidth, box.offsetHeight];
    const left = Math.min(Math.max(event.clientX - width / 2, 8), document.documentElement.clientWidth - width - 8);
    box.style.left = `${left}px`;
    box.style.top = `${event.clientY > height + 24 ? event.clientY - height - 14 : event.clientY + 18}px`;
  };
  for (const name of ["pointermove", "pointerdown"]) document.addEventListener(name, place);
  document.addEventListener("scroll", () => { box.hidden = true; }, true);
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
document.querySelectorAll("label.filter").forEach(makeFilter);
makeTooltips();
