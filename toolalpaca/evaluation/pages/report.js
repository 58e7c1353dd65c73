
// The report's episode browser: a filtered list on the left, one episode, or two side by side, on the right.
const { models, tools, tasks, episodes, errors } = DATA;
const toolNames = new Map(tools.map((tool) => [tool.id, tool.name]));
const VERDICTS = { "": "All", right: "overall right", wrong: "overall wrong", unscored: "not scored" };
const words = (slug) => slug.replaceAll("_", " ");
const PAGE = 200;
let shown = []; // the episodes that pass the filters
let current = null;
let limit = PAGE;
const entries = new Map(); // episode -> its button in the list
const repeated = episodes.some((episode) => episode.sample);
const labelOf = (episode) => models[episode.model].label + (repeated ? ` #${episode.sample}` : "");
const LONG_NAME = 24; // letters; the value of such a name stands below it, not beside it

episodes.forEach((episode) => {
  const task = tasks[episode.task];
  const steps = episode.steps.map((step) => `${step.function} ${step.input}`);
  episode.types = [...new Set(episode.findings.map((finding) => finding.type))];
  episode.haystack = [task.id, task.instruction, episode.final_output.slice(0, 5000), ...steps.map((s) => s.slice(0, 2000))]
    .join("\n").toLowerCase();
});
episodes.sort((a, b) => a.task - b.task || a.model - b.model || a.sample - b.sample);

function options(select, entries) {
  select.replaceChildren(...entries.map(([value, label]) => h("option", { value }, ...visible(label))));
}
const used = new Set(episodes.map((episode) => tasks[episode.task].tool));
options($("model"), [["", "All"], ...models.map((model, i) => [i, model.label])]);
options($("compare"), [["", "None"], ...models.map((model, i) => [i, model.label])]);
options($("tool"), [["", "All"], ...tools.filter((tool) => used.has(tool.id)).map((tool) => [tool.id, tool.name])]);
options($("error"), [["", "All"], ["none", "no error"], ...errors.map((error) => [error, words(error)])]);
options($("verdict"), Object.entries(VERDICTS));
if (models.length < 2) $("compare").parentElement.hidden = true;

const verdictOf = (episode) => episode.overall === null ? "unscored" : episode.overall ? "right" : "wrong";
function passes(episode) {
  const error = $("error").value;
  return ($("model").value === "" || episode.model === Number($("model").value))
    && ($("tool").value === "" || tasks[episode.task].tool === $("tool").value)
    && (error === "" || (error === "none" ? !episode.types.length : episode.types.includes(error)))
    && ($("verdict").value === "" || verdictOf(episode) === $("verdict").value)
    && episode.haystack.includes($("search").value.trim().toLowerCase());
}

function chip(name, value) {
  const [style, sign] = value === null ? ["", "–"] : value ? ["good", "✓"] : ["bad", "✗"];
  const said = value === null ? "not scored" : value ? "right" : "wrong";
  return h("span", { class: `chip ${style}`, title: `${name}: ${said}` }, `${sign} ${name}`);
}
const typeChips = (episode) => episode.types.map((type) => h("span", { class: "chip warn" }, words(type)));

function entry(episode) {
  const button = h("button", {
    type: "button", class: "item", "aria-current": String(episode === current), tabindex: episode === current ? "0" : "-1", onclick: () => open(episode, true),
  },
    h("b", {}, ...visible(labelOf(episode))),
    h("span", { class: "chips" }, chip("procedure", episode.procedure), chip("overall", episode.overall), typeChips(episode)));
  entries.set(episode, button);
  return button;
}

function refresh() {
  shown = episodes.filter(passes);
  limit = PAGE;
  list();
  for (const button of $("models").children) {
    button.setAttribute("aria-pressed", String(button.dataset.model === $("model").value));
  }
  if (!shown.includes(current)) {
    if (shown.length) open(shown[0], false);
    else {
      current = null;
      $("episode").replaceChildren(h("p", { class: "empty" }, "No episode passes these filters."));
    }
  }
}

function list() {
  $("count").textContent = `${shown.length.toLocaleString("en")} of ${episodes.length.toLocaleString("en")} episodes`;
  entries.clear();
  const groups = [];
  let group = null;
  for (const episode of shown.slice(0, limit)) {
    if (!group || group.task !== episode.task) {
      group = { task: episode.task, buttons: [] };
      groups.push(group);
    }
    group.buttons.push(entry(episode));
  }
  $("items").replaceChildren(...groups.map(({ task, buttons }) => h("li", {},
    h("p", { class: "says", dir: "auto" }, ...visible(tasks[task].instruction.slice(0, 300))),
    h("p", { class: "meta" }, ...visible(toolNames.get(tasks[task].tool))),
    buttons)));
  $("more").hidden = shown.length <= limit;
}

// One stop of the Tab key for the whole list; the arrow keys move within it.
function mark(button, is) {
  button?.setAttribute("aria-current", String(is));
  button?.setAttribute("tabindex", is ? "0" : "-1");
}

function open(episode, reading) {
  mark(entries.get(current), false);
  current = episode;
  const at = shown.indexOf(episode);
  if (at >= limit) {
    limit = at + PAGE;
    list();
  }
  const button = entries.get(episode);
  if (button) {
    mark(button, true);
    // Only the list scrolls to it: scrollIntoView would move the page as well.
    const pane = $("list").getBoundingClientRect(), box = button.getBoundingClientRect();
    if (box.top < pane.top || box.bottom > pane.bottom) $("list").scrollTop += box.top - pane.top - pane.height / 3;
  }
  show();
  if (reading) {
    document.body.classList.add("reading");
    const narrow = matchMedia("(max-width: 48rem)").matches;
    if (narrow || $("detail").getBoundingClientRect().top < 0) $("detail").scrollIntoView({ block: "start" });
    $("detail").focus({ preventScroll: true });
  }
  const hash = new URLSearchParams({ model: models[episode.model].label, task: tasks[episode.task].id, sample: episode.sample });
  if ($("compare").value !== "") hash.set("compare", models[$("compare").value].label);
  try {
    history.replaceState(null, "", `#${hash}`);
  } catch {
    // Some browsers refuse this on file:// pages; only the link to this episode is lost.
  }
}

function move(by) {
  if (!shown.length) return;
  const next = Math.min(shown.length - 1, Math.max(0, shown.indexOf(current) + by));
  open(shown[next], document.body.classList.contains("reading"));
}

function close() {
  document.body.classList.remove("reading");
  const button = entries.get(current);
  button?.focus({ preventScroll: true });
  if (matchMedia("(max-width: 48rem)").matches) button?.scrollIntoView({ block: "center" });
}

function show() {
  const task = tasks[current.task];
  const shownEpisodes = [current];
  const other = $("compare").value;
  for (const option of $("compare").options) { // beside itself a model would say nothing
    option.hidden = option.disabled = option.value === String(current.model) && option.value !== other;
  }
  if (other !== "" && Number(other) !== current.model) {
    const found = episodes.filter((e) => e.model === Number(other) && e.task === current.task);
    shownEpisodes.push(found.find((e) => e.sample === current.sample) || found[0] || null);
  }
  const facts = task.facts.length
    ? h("details", {}, h("summary", {}, `Facts a right answer needs (${task.facts.length})`),
      h("ul", {}, task.facts.map((fact) => h("li", { class: "text" }, ...visible(fact)))))
    : null;
  $("episode").replaceChildren(
    h("p", { class: "meta" }, ...visible([toolNames.get(task.tool), task.id, task.scenario === "ordinary" ? "" : words(task.scenario)].filter(Boolean).join(" · "))),
    h("h2", { class: "ask", dir: "auto" }, ...visible(task.instruction.slice(0, 20000))),
    facts || "",
    h("div", { class: `columns ${shownEpisodes.length > 1 ? "two" : "one"}` },
      shownEpisodes.map((episode) => episode ? attempt(episode, task) : h("section", { class: "attempt" },
        h("header", {}, h("h3", {}, ...visible(models[other].label))),
        h("p", { class: "empty" }, "This model has no episode of this task.")))),
  );
}

function attempt(episode, task) {
  const at = (index) => episode.findings.filter((finding) => finding.step === index);
  const last = episode.findings.filter((finding) => finding.step < 0 || finding.step >= episode.steps.length);
  const met = new Set(episode.steps.map((step) => step.gold));
  const seen = new Set();
  const unscored = episode.unscored ? h("p", { class: "small soft" }, "Not scored: ", ...visible(episode.unscored)) : "";
  return h("section", { class: "attempt", "aria-label": labelOf(episode) },
    h("header", {},
      h("h3", {}, ...visible(labelOf(episode))),
      h("div", { class: "chips" }, chip("procedure", episode.procedure), chip("answer", episode.answer),
        chip("overall", episode.overall), typeChips(episode)),
      episode.reason ? h("p", { class: "small" }, "Procedure: ", ...visible(episode.reason.slice(0, 4000))) : "",
      unscored,
      episode.judged.map((judged) => h("p", { class: "small soft" }, "Judge ", ...visible(judged.judge), ": process ",
        h("b", {}, judged.process || "not scored"), ", response ", h("b", {}, judged.response || "not scored"))),
    ),
    episode.steps.map((step, i) => {
      const again = seen.has(step.gold);
      seen.add(step.gold);
      return stepNode(step, i, at(i), task.gold, again);
    }),
    task.gold.map((gold, i) => met.has(i) ? "" : h("div", { class: "step" },
      h("p", { class: "soft" }, gold.optional ? "An optional gold step, not called." : "A gold step whose function was not called."),
      goldNode(gold, i, null, false))),
    h("div", { class: last.length ? "step wrong answer" : "answer" },
      h("div", { class: "did" },
        h("span", { class: "label" }, "Final answer"),
        episode.final_thought ? block(episode.final_thought, "thought") : "",
        episode.final_output ? block(episode.final_output, "text final") : h("p", { class: "soft" }, "There is none."),
        episode.outcome === "answered" ? "" : h("p", { class: "small soft" }, "Outcome: ", words(episode.outcome),
          episode.detail ? [", ", ...visible(episode.detail.slice(0, 2000))] : ""),
        last.map(findingNode))),
    episode.texts.length ? h("details", { class: "raw" }, h("summary", {}, `The assistant's raw replies (${episode.texts.length})`),
      episode.texts.map((text) => block(text, "code"))) : "",
  );
}

const findingNode = (finding) => h("p", { class: "finding" }, h("b", {}, words(finding.type)), ": ", ...visible(finding.reason.slice(0, 4000)));

function stepNode(step, index, findings, gold, again) {
  return h("div", { class: findings.length ? "step wrong" : "step" },
    h("div", { class: "did" },
      h("div", { class: "call" }, h("span", { class: "number" }, String(index + 1)),
        step.function ? h("span", { class: "name" }, ...visible(step.function.slice(0, 500))) : h("span", { class: "soft" }, "no function"),
        step.status ? h("span", { class: step.status < 400 ? "chip" : "chip warn" }, `HTTP ${step.status}`) : "",
        step.error ? h("span", { class: "chip bad" }, ...visible(words(step.error))) : ""),
      step.thought ? block(step.thought, "thought") : "",
      findings.map(findingNode),
      step.input ? [h("span", { class: "label" }, "Input"), block(pretty(step.input), "code")] : "",
      h("span", { class: "label" }, "Observation"), block(pretty(step.response), "code", 600)),
    gold.length || findings.length ? goldNode(gold[step.gold], step.gold, step, again) : "",
  );
}

function fields(text) {
  try {
    const value = JSON.parse(text);
    if (value && typeof value === "object" && !Array.isArray(value)) return value;
  } catch { /* the gold grammar is not always JSON; it is then shown as it is written */ }
  return null;
}

// The gold step beside the model's; a value that is not the same text is marked, what it means is the scoring's to say.
function goldNode(gold, index, step, again) {
  if (!gold) return h("div", { class: "gold none" }, h("span", { class: "label" }, "Gold"),
    step.function ? "No gold step calls this function." : "This step calls no function.");
  const values = fields(gold.input);
  const given = step ? fields(step.input) || {} : null;
  const row = ([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const open = text === "" || text.includes("${");
    const differs = given && !open && JSON.stringify(given[name]) !== JSON.stringify(value);
    const classes = [differs && "differs", name.length > LONG_NAME && "long"].filter(Boolean).join(" ");
    return h("tr", { class: classes || null, title: differs ? "differs from the call" : null },
      h("td", {}, ...visible(name)), h("td", {}, ...visible(text)));
  };
  return h("div", { class: "gold" },
    h("span", { class: "label" }, `Gold step ${index + 1}${gold.optional ? ", optional" : ""}${again ? ", as above" : ""}`),
    h("span", { class: "name" }, ...visible(gold.function)),
    values ? h("table", {}, h("tbody", {}, Object.entries(values).map(row))) : block(gold.input, "code"));
}

function bar(name, [right, n, low, high]) {
  const track = h("span", { class: "track" }, h("i", {}), h("u", {}));
  track.firstChild.style.width = `${n ? (100 * right) / n : 0}%`;
  track.lastChild.style.left = `${100 * low}%`;
  track.lastChild.style.width = `${100 * (high - low)}%`;
  track.title = n ? `95% interval ${(100 * low).toFixed(0)} to ${(100 * high).toFixed(0)}%` : "nothing scored";
  return h("span", { class: "rate" }, name, track, h("strong", {}, n ? `${right}/${n}` : "–"));
}

models.forEach((model, i) => $("models").append(h("button", {
  type: "button", class: "model", "data-model": i, title: model.model, "aria-pressed": "false",
  onclick: () => {
    $("model").value = $("model").value === String(i) ? "" : String(i);
    refresh();
  },
}, h("b", {}, ...visible(model.label)), bar("procedure", model.rates.procedure), bar("overall", model.rates.overall))));

$("tables").append(...DATA.tables.map((table) => h("section", {},
  h("h2", {}, ...visible(table.caption)),
  h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": table.caption }, h("table", {},
    h("thead", {}, h("tr", {}, table.header.map((cell) => h("th", { scope: "col" }, ...visible(cell))))),
    h("tbody", {}, table.rows.map((row) => h("tr", { class: row[0].startsWith("paper: ") ? "paper" : null },
      row.map((cell) => h("td", {}, ...visible(cell)))))))),
  h("p", { class: "cue", hidden: true }, "More columns to the right: scroll the table sideways."),
  table.notes.map((note) => h("p", {}, ...visible(note))))));
const widths = new ResizeObserver((boxes) => boxes.forEach(({ target }) => {
  target.nextElementSibling.hidden = target.scrollWidth <= target.clientWidth;
}));
document.querySelectorAll("#tables .scroll").forEach((box) => widths.observe(box));
if (DATA.figure) {
  $("tables").firstElementChild.append(h("figure", {},
    h("img", { src: DATA.figure, alt: "Two histograms: words per instruction and words per final output" }),
    h("figcaption", {}, "Figure 4. How long instructions and final outputs are, in words.")));
}
$("tables").append(h("p", { class: "mono" }, ...visible(DATA.made_by)));

function view(name) {
  for (const id of ["episodes", "tables"]) {
    $(id).hidden = id !== name;
    $(`show-${id}`).setAttribute("aria-pressed", String(id === name));
  }
}
$("show-episodes").addEventListener("click", () => view("episodes"));
$("show-tables").addEventListener("click", () => view("tables"));
$("filters").addEventListener("submit", (event) => event.preventDefault());
for (const id of ["model", "tool", "error", "verdict"]) $(id).addEventListener("change", refresh);
$("search").addEventListener("input", refresh);
$("compare").addEventListener("change", () => current && open(current, false));
$("back").addEventListener("click", close);
$("previous").addEventListener("click", () => move(-1));
$("next").addEventListener("click", () => move(1));
$("more").addEventListener("click", () => {
  limit += PAGE;
  list();
});
document.addEventListener("keydown", (event) => {
  if (typing(event)) return;
  const arrow = event.target.matches(".item") ? { ArrowDown: 1, ArrowUp: -1 }[event.key] : 0;
  if (arrow) {
    event.preventDefault();
    move(arrow);
    entries.get(current).focus({ preventScroll: true });
  } else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "/") {
    event.preventDefault();
    $("search").focus();
  } else if (event.key === "c" && models.length > 1) {
    const select = $("compare");
    do select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    while (current && select.value === String(current.model)); // beside itself it would say nothing
    if (current) open(current, false);
  } else if (event.key === "t") view($("tables").hidden ? "tables" : "episodes");
  else if (event.key === "?") $("keys").showModal();
  else if (event.key === "Escape") {
    if (event.target === $("search")) event.target.blur();
    else close();
  }
});

const wanted = new URLSearchParams(location.hash.slice(1));
const compare = models.findIndex((model) => model.label === wanted.get("compare"));
if (compare >= 0) $("compare").value = String(compare);
const linked = episodes.find((episode) => models[episode.model].label === wanted.get("model")
  && tasks[episode.task].id === wanted.get("task") && String(episode.sample) === wanted.get("sample"));
refresh();
if (linked) open(linked, true);
