
// The page from top to bottom: the header's sentence, the key numbers, then the sections.

const theme_listeners = [];

function problem(text) {
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
                    `: ${count(trials.length, "trial")}`, Number.isFinite(ran) ? ` in ${duration(ran)}` : "",
                    data.workers ? ` by ${count(data.workers, "worker")}` : "", "."];
  $("sentence").textContent = sentence.join("");
  const parts = [["searcher", data.searcher], ["scheduler", data.scheduler],
                 ["rungs", rungs.length ? `${rungs.join(", ")} ${unit}` : null], ["seed", data.seed], ["stopped", data.stopped],
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
  const total = states.reduce((sum, [, n]) => sum + n, 0) || trials.length;
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
                   [...list(saved.why).map((w) => [words(w.reason), words(w.count)]),
                    ...(num(saved.steps) > 0 ? [[`${unit || "units"} not spent`, num(saved.steps).toLocaleString("en-US")]] : [])]));
  const volume = list(data.hypervolume);
  if (volume.length) {
    const end = num(volume[volume.length - 1][1]);
    const reached = volume.find(([, v]) => num(v) >= 0.95 * end);
    made.push(card("Hypervolume", plain(end), "", reached ? [["95 % of it after", duration(num(reached[0]))]] : []));
  }
  const ran = num(data.elapsed_s), spent = trials.reduce((sum, t) => sum + (num(t.spent_s) || 0), 0);
  const rows = [];
  if (ran > 0 && trials.length) rows.push(["trials a minute", plain(60 * trials.length / ran, 3)]);
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
    return;
  }
  const [first, last] = [front[0], front[front.length - 1]];
  if (!front.length) $("front-note").textContent = "No trial is on the front yet.";
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
attempt("the front", front_note);
if (front.length) selection.id = front[0].id;
detail();
attempt("the front's plot", front_chart);
attempt("the front's table", front_table);
attempt("the history", history_chart);
attempt("the hypervolume", volume_chart);
if ($("history-slot").querySelectorAll("figure:not([hidden])").length === 0) $("history").hidden = true;
const curves = [attempt("the learning curves", loss_chart), attempt("the rungs", rungs_chart)];
if (!curves.some(Boolean)) $("curves").hidden = true;
if (!attempt("the parameters", parameter_charts)) $("parameters").hidden = true;
attempt("the trials", trials_table);
attempt("the failures", failures_table);
if (typeof data.sample === "string" && data.sample) {
  $("sample-text").textContent = data.sample;
  $("sample").hidden = false;
}
contents();
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme_listeners.forEach((draw) => draw()));
