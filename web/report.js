
// The page from top to bottom: the header's sentence, the key numbers, then the sections.

const theme_listeners = [];

let problems = 0;
addEventListener("error", (event) => problem(event.message));
function problem(text) {
  document.documentElement.dataset.errors = ++problems;
  $("problem").textContent = `Part of this page could not be drawn: ${text}`;
  $("problem").hidden = false;
}

function header() {
  const named = (minimize) => joined(objectives.filter((o) => o.minimize === minimize).map((o) => o.name));
  const goals = [named(true) && `minimizes ${named(true)}`, named(false) && `maximizes ${named(false)}`].filter(Boolean);
  const limits = list(data.limits).map(words);
  const n = parameters.length, ran = num(data.elapsed_s);
  const sentence = [`A search over ${n ? count(n, "parameter") : "a space"} of a ${words(data.task) || "task"}${data.task ? " task" : ""}`,
                    goals.length ? ` that ${joined(goals)}` : "", limits.length ? `, within ${joined(limits)}` : "",
                    `: ${count(total_trials, "trial")}`, Number.isFinite(ran) ? ` in ${duration(ran)}` : "",
                    data.workers ? ` by ${count(data.workers, "worker")}` : "", "."];
  $("sentence").textContent = sentence.join("");
  if (total_trials > trials.length) {
    $("sampled").hidden = false;
    $("sampled").textContent = `This page holds ${trials.length.toLocaleString("en-US")} of the ${count(total_trials, "trial")}: the whole front, the best of each objective, examples of failures, and a uniform sample ` +
        `(${(num(held.sampled) || 0).toLocaleString("en-US")}) of the rest. Counts, the hypervolume, saved evaluations and failures are those of all trials; dots, lines and the table are those of the page.`;
  }
  const parts = [["searcher", data.searcher], ["scheduler", data.scheduler],
                 ["rungs", rungs.length ? units(rungs.join(", ")) : null], ["seed", data.seed], ["sessions", data.sessions > 1 ? data.sessions : null], ["replicates", data.replicates || null], ["ended", data.stopped],
                 ["made", data.made]];
  $("setting").textContent = parts.filter(([, v]) => v !== undefined && v !== null && v !== "").map(([k, v]) => `${k}: ${v}`).join("  ·  ");
  $("foot").textContent = `Written by hone ${words(data.hone)}. Everything is in this one file; it loads nothing.`;
}

function card(title, big, small, rows, ...more) {
  return el("div", {class: "panel card"}, el("h3", {}, title), el("div", {class: "big"}, big, small ? el("small", {}, ` ${small}`) : ""),
            ...more, rows && rows.length ? el("ul", {}, ...rows.map(([k, v, color]) =>
                el("li", {}, el("span", {}, color ? el("i", {class: "swatch", color: `var(--${color})`}) : "", k), el("span", {}, v)))) : null);
}

function cards() {
  const made = [], counts = data.counts || {};
  const states = STATES.map((s) => [s, num(counts[s]) || 0]).filter(([, n]) => n > 0);
  const total = states.reduce((sum, [, n]) => sum + n, 0) || total_trials;
  const bar = el("div", {class: "bar", role: "img", "aria-label": states.map(([s, n]) => `${s} ${n}`).join(", ")});
  for (const [s, n] of states) {
    const piece = el("i");
    piece.style.flex = `${n} 0 0`;
    piece.style.background = `var(--${s})`;
    bar.append(piece);
  }
  made.push(card("Trials", total.toLocaleString("en-US"), "", states.map(([s, n]) => [s, n.toLocaleString("en-US"), s]), bar));

  const best = objectives.map((o) => {
    const seen = (front.length ? front : []).map((t) => value(t, o.name)).filter(Number.isFinite);
    return [single ? o.name : `best ${o.name}`, seen.length ? quantity(o.name, o.minimize ? least(seen) : most(seen)) : "–"];
  });
  if (single) made.push(card("Best", best.length ? best[0][1] : "–", best.length ? best[0][0] : "", front.length ? [["trial", String(front[0].id)]] : []));
  else made.push(card("Front", String(front.length), front.length === 1 ? "design" : "designs", best));

  const saved = data.saved || {};
  if (data.saved)
    made.push(card("Saved", (num(saved.evaluations) || 0).toLocaleString("en-US"), num(saved.evaluations) === 1 ? "evaluation" : "evaluations",
                   [...list(saved.why).map((w) => [words(w.kind) || words(w.reason), num(w.count).toLocaleString("en-US")]),
                    ...(num(saved.fidelity) > 0 ? [[`${unit || "units"} not spent`, num(saved.fidelity).toLocaleString("en-US")]] : [])]));
  const volume = list(data.hypervolume);
  if (volume.length) {
    const end = num(volume[volume.length - 1][2]);
    const reached = volume.find(([, , v]) => num(v) >= 0.95 * end);
    made.push(card("Hypervolume", Number.isFinite(end) ? plain(end) : "–", "", Number.isFinite(end) && reached ? [["95 % of it after", duration(num(reached[1]))], ["and after", count(num(reached[0]), "trial")]] : []));
  }
  const ran = num(data.elapsed_s), spent = num(data.spent_s);
  const rows = [];
  if (ran > 0 && total_trials) rows.push(ran > 7200 ? ["trials an hour", Number((3600 * total_trials / ran).toPrecision(3)).toLocaleString("en-US")] : ["trials a minute", Number((60 * total_trials / ran).toPrecision(3)).toLocaleString("en-US")]);
  if (spent > 0) rows.push(["in evaluations", duration(spent)]);
  if (data.workers) rows.push(["workers", words(data.workers)]);
  made.push(card("Elapsed", duration(ran), "", rows));
  $("cards").replaceChildren(...made);
}

function front_note() {
  if (single) {
    // With one objective there is no front: the best so far leads, and value against cost follows it.
    $("front-title").textContent = "Best so far";
    $("main-slot").append($("history-figure"));
    $("history-slot").prepend($("front-figure"));
    $("history-title").textContent = "Value against cost";
    $("history-plot").classList.add("tall");
    $("front-plot").classList.remove("tall");
    if (!front.length) $("front-note").textContent = nothing_within();
    return;
  }
  const [first, last] = [front[0], front[front.length - 1]];
  if (!front.length) $("front-note").textContent = nothing_within() || "No trial is on the front yet.";
  else if (front.length > 1) {
    const told = (t) => joined(objectives.map((o) => `${o.name} ${quantity(o.name, t.measures[o.name])}`));
    $("front-note").textContent = `${front.length} designs that no other one beats: from ${told(first)} to ${told(last)}.`;
  }
}

function contents() {
  const sections = [...document.querySelectorAll("main section")].filter((s) => !s.hidden && s.querySelector("h2"));
  $("toc").replaceChildren(...sections.map((s) => el("a", {href: `#${s.id}`}, s.querySelector("h2").textContent)));
}

/** A part that fails says so and leaves the others standing. */
function attempt(name, part) {
  try {
    return part();
  } catch (error) {
    problem(`${name} (${error.message})`);
    return true;
  }
}

selection.listeners.push(detail);
attempt("the header", header);
attempt("the key numbers", cards);
if (!attempt("the defaults", gains_part)) $("gains").hidden = true;
attempt("the front", front_note);
if (front.length) selection.id = front[0].id;
detail();
attempt("the front's plot", front_chart);
attempt("the front's table", front_table);

const hide_unless = (id, drawn) => { if (!drawn) $(id).hidden = true; };
for (const [name, part] of [
  ["the history", () => {
    history_chart();
    volume_chart();
    hide_unless("history", $("history-slot").querySelector("figure:not([hidden])"));
  }],
  ["the parameters", () => hide_unless("effects", effects_chart())],
  ["the parallel coordinates", () => hide_unless("parallel", parallel_chart())],
  ["the costs", () => hide_unless("costs", cost_chart())],
  ["the learning curves", () => {
    const drawn = [loss_chart(), rungs_chart()];
    hide_unless("curves", drawn.some(Boolean));
  }],
  ["the trials", trials_table],
  ["the saved evaluations", () => hide_unless("saved", saved_table())],
  ["the failures", failures_table],
]) later(() => attempt(name, part));

if (typeof data.sample === "string" && data.sample) {
  $("sample-text").textContent = data.sample;
  $("sample").hidden = false;
}
document.documentElement.dataset.usable = Math.round(performance.now());
// For whoever drives the page from outside: since when it can be used, how many trials it
// holds, and when all was drawn (milliseconds after the page began to load).
queue.done.push(() => {
  if (document.documentElement.dataset.ready) return;
  contents();
  Object.assign(document.documentElement.dataset, {ready: "yes", trials: trials.length, errors: problems, ms: Math.round(performance.now())});
});
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme_listeners.forEach((draw) => draw()));
