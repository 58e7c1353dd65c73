
// The review page: one instance at a time, three answers each, kept in this browser until saved as a file.
const { rows, questions, sample } = DATA;
const KEY = `toolalpaca-review-${sample}`;
const saved = (() => {
  try {
    return JSON.parse(store(KEY)) || {};
  } catch {
    return {};
  }
})();
const state = { reviewer: saved.reviewer || "", answers: saved.answers || {}, at: Math.min(saved.at || 0, rows.length - 1) };
let marked = 0; // the question that y and n answer
let changed = false; // since the last file was saved
let keeps = true;

const id = (i) => rows[i].instance.instance_id;
const answersOf = (i) => (state.answers[id(i)] ??= {});
const given = (i) => questions.filter((q) => typeof (state.answers[id(i)] || {})[q.key] === "boolean").length;

function keep() {
  changed = true;
  kept(store(KEY, JSON.stringify(state)) !== null);
}

function kept(yes) {
  keeps = yes;
  $("stored").textContent = keeps
    ? "Answers are kept in this browser as you go. Save writes them to a file."
    : "This browser keeps nothing: save to a file before you leave.";
}

function show() {
  const { instance, tool } = rows[state.at];
  $("instance").replaceChildren(
    h("p", { class: "meta" }, `${state.at + 1} of ${rows.length} · `,
      ...visible([tool ? tool.name : "unknown tool", tool ? tool.category : "", instance.instance_id].filter(Boolean).join(" · "))),
    h("h2", { class: "ask", dir: "auto" }, ...visible(instance.instruction.slice(0, 20000))),
    tool ? h("details", {}, h("summary", {}, "The tool's documentation"),
      block(tool.introduction, "intro"), block(tool.documentation, "code", 6000)) : "",
    h("div", {}, instance.steps.length ? instance.steps.map(stepNode) : h("p", { class: "step soft" }, "No function was called.")),
    h("div", { class: "final" }, h("span", { class: "label" }, "Final output"),
      instance.final_thought ? block(instance.final_thought, "thought") : "",
      instance.final_output ? block(instance.final_output, "text", 5000) : h("p", { class: "soft" }, "There is none.", ...visible(ended(instance)))),
  );
  $("note").value = answersOf(state.at).note || "";
  const first = questions.findIndex((q) => typeof answersOf(state.at)[q.key] !== "boolean");
  marked = Math.max(0, first);
  panel();
}

function ended(instance) {
  const detail = instance.provenance?.detail;
  return instance.outcome === "answered" ? "" : ` It ended as ${instance.outcome.replaceAll("_", " ")}${detail ? `: ${detail}` : ""}.`;
}

function stepNode(step, i) {
  return h("div", { class: "step" },
    h("div", { class: "call" }, h("span", { class: "number" }, String(i + 1)), h("span", { class: "name" }, ...visible(step.function)),
      step.status ? h("span", { class: step.status < 400 ? "chip" : "chip warn" }, `HTTP ${step.status}`) : "",
      step.error ? h("span", { class: "chip bad" }, ...visible(step.error.replaceAll("_", " "))) : ""),
    step.thought ? block(step.thought, "thought") : "",
    h("span", { class: "label" }, "Input"), block(pretty(step.input), "code"),
    h("span", { class: "label" }, "Tool response"), block(pretty(step.response), "code", 3000));
}

function panel() {
  $("answers").replaceChildren(...questions.map((question, i) => {
    const answer = answersOf(state.at)[question.key];
    const button = (value, label) => h("button", {
      type: "button", class: value ? "yes" : "no", "aria-pressed": String(answer === value), "data-question": question.key,
      onclick: () => choose(i, answer === value ? undefined : value),
    }, label);
    return h("fieldset", { "data-marked": String(i === marked) },
      h("span", { class: "label" }, `${i + 1} ${question.title}`),
      h("p", { id: `q-${question.key}` }, question.text),
      h("div", { class: "yesno", role: "group", "aria-labelledby": `q-${question.key}` }, button(true, "Yes"), button(false, "No")));
  }));
  const done = rows.filter((_, i) => given(i) === questions.length).length;
  $("status").textContent = `${done} of ${rows.length} instances answered`;
  $("progress").firstElementChild.style.width = `${(100 * done) / rows.length}%`;
  $("progress").setAttribute("aria-valuenow", done);
  $("progress").setAttribute("aria-valuemax", rows.length);
  [...$("index").children].forEach((entry, i) => {
    const n = given(i);
    entry.firstChild.dataset.done = n === questions.length ? "all" : n ? "some" : "none";
    entry.firstChild.setAttribute("aria-current", String(i === state.at));
  });
  $("previous").disabled = state.at === 0;
  $("next").disabled = state.at === rows.length - 1;
}

function choose(question, value) {
  if (value === undefined) delete answersOf(state.at)[questions[question].key];
  else answersOf(state.at)[questions[question].key] = value;
  marked = value === undefined ? question : Math.min(questions.length - 1, question + 1);
  keep();
  const held = document.activeElement?.dataset?.question; // the buttons are made anew: keep the focus
  const text = document.activeElement?.textContent;
  panel();
  [...document.querySelectorAll(".yesno button")].find((b) => b.dataset.question === held && b.textContent === text)?.focus();
}

function go(to) {
  state.at = Math.min(rows.length - 1, Math.max(0, to));
  keep();
  show();
  scrollTo(0, 0);
}

function unanswered() {
  for (let by = 1; by <= rows.length; by += 1) {
    const i = (state.at + by) % rows.length;
    if (given(i) < questions.length) return go(i);
  }
  $("status").textContent = `All ${rows.length} instances are answered: save the file.`;
}

function save() {
  const answers = Object.fromEntries(Object.entries(state.answers).filter(([, value]) => Object.keys(value).length));
  const content = { format: DATA.format, sample, run: DATA.run, seed: DATA.seed, n: rows.length, reviewer: state.reviewer, answers };
  const url = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2), "\n"], { type: "application/json" }));
  const name = state.reviewer.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "anonymous";
  h("a", { href: url, download: `review-${sample}-${name}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  changed = false;
  $("status").textContent = "Saved.";
}

async function load(file) {
  try {
    const content = JSON.parse(await file.text());
    if (content.format !== DATA.format) throw new Error("it is not a saved review");
    if (content.sample !== sample) throw new Error(`it reviews another sample (${content.sample}), not ${sample}`);
    state.answers = content.answers || {};
    state.reviewer = $("reviewer").value = content.reviewer || "";
    go(0);
    $("status").textContent = "Answers loaded from the file.";
  } catch (error) {
    $("status").textContent = `The file was not loaded: ${error.message}.`;
  }
}

$("index").append(...rows.map((_, i) => h("li", {}, h("button", { type: "button", onclick: () => go(i) }, String(i + 1)))));
$("previous").addEventListener("click", () => go(state.at - 1));
$("next").addEventListener("click", () => go(state.at + 1));
$("unanswered").addEventListener("click", unanswered);
$("save").addEventListener("click", save);
$("answers").addEventListener("submit", (event) => event.preventDefault());
$("load").addEventListener("change", (event) => event.target.files[0] && load(event.target.files[0]));
$("reviewer").value = state.reviewer;
$("reviewer").addEventListener("input", (event) => {
  state.reviewer = event.target.value;
  keep();
});
$("note").addEventListener("input", (event) => {
  if (event.target.value) answersOf(state.at).note = event.target.value;
  else delete answersOf(state.at).note;
  keep();
});
addEventListener("beforeunload", (event) => {
  if (changed && !keeps) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  if (typing(event)) return;
  const number = Number(event.key);
  if (event.key === "y" || event.key === "n") choose(marked, event.key === "y");
  else if (event.key === "Backspace") {
    event.preventDefault();
    // After an answer the mark has moved on: what is taken back is the last one given.
    const at = typeof answersOf(state.at)[questions[marked].key] === "boolean" ? marked : Math.max(0, marked - 1);
    choose(at, undefined);
  } else if (number >= 1 && number <= questions.length) {
    marked = number - 1;
    panel();
  } else if (event.key === "ArrowRight") go(state.at + 1);
  else if (event.key === "ArrowLeft") go(state.at - 1);
  else if (event.key === "u") unanswered();
  else if (event.key === "s") save();
  else if (event.key === "?") $("keys").showModal();
  else if (event.key === "Escape") event.target.blur();
});
kept(store("toolalpaca-review", "1") !== null); // opening the page writes no answers
show();
