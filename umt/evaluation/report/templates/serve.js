// The page of umt-serve: a sentence to every translator, a heat map of words, the lexicon of a word.

async function ask(address, options) {
  const answer = await fetch(address, options).catch(() => null);
  if (!answer) throw new Error("the program does not answer: is umt-serve still running?");
  const content = await answer.json().catch(() => ({ error: `error ${answer.status}` }));
  if (!answer.ok) throw new Error(content.error);
  return content;
}

function drawTranslate(widget, { languages, longest, warnings }) {
  const ways = [[languages[0], languages[1]], [languages[1], languages[0]]];
  const [wayLabel, way] = choice("direction", ways.map((each) => each.join(" to ")), () => { text.lang = ways[way.value][0]; });
  const text = make("textarea", { rows: 3, maxLength: longest, lang: languages[0], placeholder: "a sentence", autofocus: true });
  text.setAttribute("aria-label", "sentence to translate");
  const button = make("button", { type: "submit" }, "translate");
  const status = make("output");
  const results = make("div", { className: "results" });
  const neighbours = make("p", { className: "soft", id: "neighbours" });
  neighbours.setAttribute("aria-live", "polite");
  const form = make("form", {}, make("div", { className: "controls" }, wayLabel), text, make("div", { className: "controls" }, button, status));

  async function showNeighbours(word, lang) {
    const other = languages[lang === languages[0] ? 1 : 0];
    try {
      const found = await ask(`/neighbours?${new URLSearchParams({ word, lang })}`);
      const list = found.flatMap(([name, share]) => [make("span", { lang: other }, name), ` ${share.toFixed(2)}  `]);
      neighbours.replaceChildren(make("b", { lang }, word), ` (${lang}): `, ...(list.length ? list : ["not in the lexicon"]));
    } catch (error) { neighbours.textContent = error.message; }
  }
  function wordButton(word, lang) {
    const element = make("button", { type: "button", className: "word", lang }, word);
    element.addEventListener("click", () => showNeighbours(word, lang));
    return element;
  }
  function heatMap(words, here, system, there) {
    const head = make("tr", {}, make("td"), ...system.words.map((word) => make("th", { scope: "col" }, wordButton(word, there))));
    const rows = words.map((word, row) => make("tr", {}, make("th", { scope: "row" }, wordButton(word, here)),
      ...system.cosines[row].map((cosine, column) => {
        const cell = make("td");
        cell.dataset.tooltip = `${word} – ${system.words[column]}: ${cosine === null ? "not in the shared space" : cosine.toFixed(2)}`;
        cell.style.background = `color-mix(in srgb, var(--accent) ${Math.round(100 * Math.max(0, cosine ?? 0))}%, var(--raised))`;
        return cell;
      })));
    return make("div", { className: "scroll", tabIndex: 0 }, make("table", { className: "heat" }, make("thead", {}, head), make("tbody", {}, ...rows)));
  }
  function draw(result, [here, there]) {
    results.replaceChildren(...result.systems.map((system) => {
      const [best, ...others] = system.alternatives;
      const card = make("section", { className: "system" }, make("h3", {}, system.kind), make("p", { className: "best", lang: there }, best.text));
      for (const doubt of best.doubts ?? []) card.append(make("p", { className: "bad" }, doubt));
      card.append(heatMap(result.words, here, system, there));
      if (best.score !== null) {
        const row = ({ text: other, score, doubts = [] }) => make("tr", {}, make("td", { className: "number" }, score.toFixed(2)),
          make("td", { lang: there }, other, ...doubts.map((doubt) => make("small", { className: "bad" }, ` ${doubt}`))));
        const head = make("tr", {}, make("th", { className: "number", scope: "col" }, "nats"), make("th", { scope: "col" }, "translation"));
        const table = make("table", {}, make("thead", {}, head), make("tbody", {}, row(best), ...others.map(row)));
        card.append(make("details", {}, make("summary", {}, `${others.length + 1} alternatives`), make("div", { className: "scroll" }, table)));
      }
      return card;
    }));
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = ways[way.value];
    status.textContent = "translating";
    button.disabled = true;
    neighbours.textContent = "";
    const start = performance.now();
    try {
      const body = JSON.stringify({ text: text.value, to: chosen[1] });
      draw(await ask("/translate", { method: "POST", body, headers: { "Content-Type": "application/json" } }), chosen);
      status.textContent = `${((performance.now() - start) / 1000).toFixed(1)} s`;
    } catch (error) { status.textContent = error.message; }
    button.disabled = false;
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); form.requestSubmit(); }
  });
  widget.append(...warnings.map((warning) => make("p", { className: "bad" }, `warning: ${warning}`)), form, neighbours, results);
}

for (const widget of document.querySelectorAll(".widget")) {
  drawTranslate(widget, JSON.parse(widget.querySelector("script").textContent));
}
