// Draws the parts of a page that compares runs: differences between systems, and sentences side by side.

function drawSignificance(widget, sets) {
  const holder = make("div");
  const [setLabel, set] = choice("test set", sets.map((each) => each.title), () => { fill(); draw(); });
  const [metricLabel, metric] = choice("metric", Object.keys(sets[0].metrics), draw);
  const [baseLabel, base] = choice("against", [], draw);
  function fill() {
    const names = sets[set.value].systems;
    base.replaceChildren(...names.map((name, number) => make("option", { value: number }, name)));
    base.value = Math.max(0, names.findIndex((name) => !/^(copy|random)\b/.test(name)));
  }
  function draw() {
    const chosen = sets[set.value];
    const name = Object.keys(chosen.metrics)[metric.value];
    const found = chosen.metrics[name];
    const other = Number(base.value);
    const headings = ["system", name, "difference", "95% interval", "p"];
    const rows = chosen.systems.map((system, row) => {
      const difference = found.scores[row] - found.scores[other];
      const cells = [[system], [found.scores[row].toFixed(1), found.scores[row]]];
      cells.push(...(row === other ? [["–", 0], ["", 0], ["", 1]] : [
        [(difference > 0 ? "+" : "") + difference.toFixed(2), difference],
        [`${found.low[row][other].toFixed(2)} to ${found.high[row][other].toFixed(2)}`, found.low[row][other]],
        [found.p[row][other].toFixed(3), found.p[row][other]],
      ]));
      return make("tr", {}, ...cells.map(([text, order], column) => {
        const cell = make("td", { className: column ? "number" : "" }, column === 0 && row === other ? make("b", {}, text) : text);
        if (order !== undefined) cell.dataset.order = order;
        return cell;
      }));
    });
    const head = make("tr", {}, ...headings.map((text, column) => make("th", { className: column ? "number" : "", scope: "col" }, text)));
    const table = make("table", { className: "sortable" }, make("thead", {}, head), make("tbody", {}, ...rows));
    makeSortable(table);
    const box = make("div", { className: "scroll", tabIndex: 0 }, table);
    holder.replaceChildren(make("div", { className: "table" }, box), make("p", { className: "soft" }, found.signature));
  }
  widget.append(make("div", { className: "controls" }, setLabel, metricLabel, baseLabel), holder);
  fill();
  draw();
}

function marked(pieces) {
  return pieces.map((piece, number) => (number % 2 ? make("mark", {}, piece) : piece));
}

function drawSentences(widget, sets) {
  const list = make("div");
  const more = make("button", { type: "button" }, "more");
  const count = make("output");
  const search = make("input", { type: "search", placeholder: "any words" });
  const differing = make("input", { type: "checkbox" });
  const systems = make("div", { className: "controls" });
  let [shown, matching] = [0, []];
  const [setLabel, set] = choice("test set", sets.map((each) => each.title), () => { fill(); refresh(); });
  function fill() {
    systems.replaceChildren(...sets[set.value].systems.map((name) => {
      const box = make("input", { type: "checkbox", checked: !name.startsWith("copy") });
      box.addEventListener("change", refresh);
      return make("label", {}, box, name);
    }));
  }
  const wanted = () => [...systems.querySelectorAll("input")].map((box) => box.checked);
  function refresh() {
    const chosen = wanted();
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    matching = sets[set.value].sentences.map((sentence, number) => {
      const outputs = sentence.outputs.filter((output) => output.systems.some((system) => chosen[system]));
      return { sentence, number, outputs };
    }).filter(({ sentence, outputs }) => {
      if (differing.checked && outputs.length < 2) return false;
      if (!words.length) return true;
      const texts = [sentence.source, ...sentence.references, ...outputs.map((output) => output.pieces.join(""))];
      const text = texts.join("\n").toLowerCase();
      return words.every((word) => text.includes(word));
    });
    count.textContent = `${matching.length} of ${sets[set.value].sentences.length} sentences`;
    list.replaceChildren();
    shown = 0;
    extend();
  }
  function extend() {
    const chosen = wanted();
    const { systems: names, languages: [here, there] } = sets[set.value];
    for (const { sentence, number, outputs } of matching.slice(shown, shown + 20)) {
      const lines = [make("dt", {}, `source ${number + 1}`), make("dd", { className: "given", lang: here }, sentence.source)];
      for (const reference of sentence.references) {
        lines.push(make("dt", {}, "reference"), make("dd", { className: "given", lang: there }, reference));
      }
      for (const output of outputs) {
        const who = output.systems.filter((system) => chosen[system]).map((system) => names[system]).join("; ");
        lines.push(make("dt", {}, who), make("dd", { lang: there }, ...marked(output.pieces)));
      }
      list.append(make("div", { className: "renderings" }, make("dl", {}, ...lines)));
    }
    shown += 20;
    more.hidden = shown >= matching.length;
  }
  for (const [element, event] of [[search, "input"], [differing, "change"]]) element.addEventListener(event, refresh);
  more.addEventListener("click", extend);
  const controls = make("div", { className: "controls" }, setLabel, make("label", {}, "with", search),
    make("label", {}, differing, "only where systems differ"), count);
  const which = make("details", { open: sets[0].systems.length <= 12 }, make("summary", {}, "systems"), systems);
  widget.append(controls, which, list, more);
  fill();
  refresh();
}

for (const widget of document.querySelectorAll(".widget")) {
  const data = JSON.parse(widget.querySelector("script").textContent);
  ({ significance: drawSignificance, sentences: drawSentences })[widget.dataset.widget](widget, data);
}
