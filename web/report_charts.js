
// What is drawn: the front, the history, the learning curves, the parameters. Each function fills one figure
// and draws it again when its controls change.

/** The trial in a few lines: its measures, and the parameters that tell it from others. */
function trial_tip(trial, note) {
  const told = told_apart.filter((p) => p.name in trial.config).slice(0, 12);
  const rows = [...Object.keys(trial.measures).slice(0, 6).map((m) => [m, quantity(m, trial.measures[m])]),
                ...told.map((p) => [p.name, setting(trial.config[p.name])])];
  return [el("b", {}, `Trial ${trial.id}${on_front.has(trial.id) ? (single ? ", the best" : ", on the front") : ""}`),
          el("span", {class: "quiet"}, note || `${trial.state}${trial.fidelity ? ` at ${units(trial.fidelity)}` : ""}`),
          el("dl", {}, ...rows.flatMap(([k, v]) => [el("dt", {}, k), el("dd", {}, v)]))];
}
const told_apart = differing(trials);
const single_note = (name, y) => `a single evaluation: ${name} ${quantity(name, y)}`;
const measure_axis = (name, log, more = {}) => ({name, label: titled(name), log, ...more});

/** Those of `points` that no other one beats in both directions, by ascending x. */
function staircase(points, min_x, min_y) {
  const better = (a, b, min) => (min ? a < b : a > b);
  const sorted = [...points].sort((a, b) => (a.x === b.x ? (min_y ? a.y - b.y : b.y - a.y) : (min_x ? a.x - b.x : b.x - a.x)));
  const kept = [];
  for (const p of sorted) if (!kept.length || better(p.y, kept[kept.length - 1].y, min_y)) kept.push(p);
  return min_x ? kept : kept.reverse();
}

// --- the front: quality against cost ---------------------------------------------------------------------

function front_chart() {
  const names = [...measures.keys()];
  const plot = new Plot($("front-plot"), single ? "Value against cost" : "The front");
  // Quality is the first objective that is maximized, else the first; cost another one, or a measure that looks like one.
  const costs = ["latency_s", "parameters", "memory_bytes"].concat(names.filter(is_cost), names.filter((n) => minimized(n)));
  const quality = single ? names[0] : (objectives.find((o) => !o.minimize) ?? objectives.find((o) => !is_cost(o.name)) ?? objectives[0]).name;
  const others = objectives.filter((o) => o.name !== quality);
  const state = {y: quality,
                 x: single ? costs.find((n) => names.includes(n) && n !== quality)
                           : (others.find((o) => o.minimize && is_cost(o.name)) ?? others[0]).name,
                 lower: true, log_x: null, log_y: null};
  if (!state.x) {
    $("front-figure").hidden = true;
    return;
  }
  const shown = trials.filter((t) => Number.isFinite(value(t, state.x)) || Number.isFinite(value(t, state.y)));
  // Without a measure, as where every trial failed, there is nothing to choose from.
  const controls = () => names.length && refill($("front-controls"),
      chooser("Cost", names, state.x, (v) => { state.x = v; state.log_x = null; draw(); }),
      chooser("Quality", names, state.y, (v) => { state.y = v; state.log_y = null; draw(); }),
      checkbox("log cost", state.log_x, (v) => { state.log_x = v; draw(); }),
      checkbox("log quality", state.log_y, (v) => { state.log_y = v; draw(); }),
      checkbox("lower rungs", state.lower, (v) => { state.lower = v; draw(); }));
  function draw() {
    const point = (t) => ({x: value(t, state.x), y: value(t, state.y), trial: t});
    const full = shown.filter(at_top).map(point);
    const low = state.lower ? shown.filter(at_less).map(point) : [];
    const singles = single_evaluations(shown).map((t) => ({x: own_value(t, state.x), y: own_value(t, state.y), trial: t, single: true}));
    const out = shown.filter(outside).map(point);
    const all = [...full, ...low, ...out, ...singles].filter((p) => Number.isFinite(p.x) && Number.isFinite(p.y));
    state.log_x ??= spans_decades(all.map((p) => p.x));
    state.log_y ??= spans_decades(all.map((p) => p.y));
    const goals = [minimized(state.x), minimized(state.y)];
    const both = objectives.some((o) => o.name === state.x) && objectives.some((o) => o.name === state.y);
    const members = (both && !single ? front : full.map((p) => p.trial)).map(point)
                        .filter((p) => Number.isFinite(p.x) && Number.isFinite(p.y));
    const steps = state.x !== state.y && goals[0] !== null && goals[1] !== null ? staircase(members, ...goals) : [];
    const marked = single ? steps : front.map(point);
    controls();
    const many = trials.length > 3000, thin = (alpha) => veil(alpha, all.length);
    plot.draw({
      x: measure_axis(state.x, state.log_x), y: measure_axis(state.y, state.log_y),
      dots: [{points: low, color: "low", radius: many ? 1.6 : 2.6, alpha: thin(many ? .25 : .45)},
             {points: singles, color: "top", radius: 1.4, alpha: thin(.35)},
             {points: out, color: "outside", radius: 2.8, alpha: thin(many ? .35 : .7), cross: true},
             {points: full, color: "top", radius: many ? 2.2 : 3.6, alpha: thin(many ? .45 : .75)},
             {points: marked, color: "front", radius: 4.8}],
      lines: [{points: steps, color: "front", width: 1.8, alpha: .85, stepped: goals[0] ? "before" : "after"}],
      tip: (p) => trial_tip(p.trial, p.single ? single_note(state.y, p.y) : undefined), quiet: "No trial has both measures yet.",
    });
    const top_text = top_fidelity && unit ? `at ${units(top_fidelity)}` : "full results";
    const direction = (name, min) => (min === null ? null : `${min ? "lower" : "higher"} ${name}`);
    const better = [direction(state.y, goals[1]), direction(state.x, goals[0])].filter(Boolean);
    $("front-caption").replaceChildren(
        legend([steps.length || marked.length ? ["front", single || !both ? "best at its cost" : `front (${front.length})`, steps.length > 1 ? "line" : ""] : null,
                full.length ? ["top", `${top_text} (${full.length})`] : null,
                singles.length ? ["top", `single evaluations (${singles.length})`, "small"] : null,
                low.length ? ["low", `at less (${low.length})`] : null,
                out.some((p) => Number.isFinite(p.x) && Number.isFinite(p.y)) ? ["outside", "outside the limits, or failed", "cross"] : null]),
        all.length ? `${better.length ? `Better is ${joined(better)}. ` : ""}Point at a dot for its config; click to select it.` : "");
  }
  draw();
  theme_listeners.push(draw);
}

// --- history ---------------------------------------------------------------------------------------------

function history_chart() {
  const plot = new Plot($("history-plot"), "The objective over the search");
  const names = objectives.length ? objectives.map((o) => o.name) : [...measures.keys()];
  const state = {y: names[0], by: "time", log: null};
  if (!state.y) {
    $("history-plot").replaceChildren(el("p", {class: "empty"}, "Nothing to draw yet."));
    return;
  }
  function draw() {
    const x = (t) => (state.by === "time" ? ended_s(t) : t.id), min = minimized(state.y) !== false;
    const point = (t) => ({x: x(t), y: value(t, state.y), trial: t});
    const seen = trials.filter((t) => Number.isFinite(value(t, state.y)));
    const out = seen.filter(outside).map(point);
    const full = seen.filter(at_top).map(point), low = seen.filter(at_less).map(point);
    const singles = single_evaluations(seen).map((t) => ({x: x(t), y: own_value(t, state.y), trial: t, single: true}));
    // Results below the top rung are not comparable: without one at the top there is no best yet.
    const ranked = [...full].sort((a, b) => a.x - b.x);
    const best = [];
    for (const p of ranked)
      if (!best.length || (min ? p.y < best[best.length - 1].y : p.y > best[best.length - 1].y)) best.push(p);
    const last = state.by === "time" ? num(data.elapsed_s) : trials.length - 1;
    const line = best.length ? [...best, {...best[best.length - 1], x: Math.max(last || 0, most(ranked.map((p) => p.x)))}] : [];
    const all = [...full, ...low, ...singles, ...out];
    state.log ??= spans_decades((full.length || low.length ? [...full, ...low] : out).map((p) => p.y));
    refill($("history-controls"),
        names.length > 1 ? chooser("Objective", names, state.y, (v) => { state.y = v; state.log = null; draw(); }) : el("strong", {}, state.y),
        chooser("by", ["time", "trial number"], state.by, (v) => { state.by = v; draw(); }),
        checkbox("log", state.log, (v) => { state.log = v; draw(); }));
    const many = trials.length > 3000, thin = (alpha) => veil(alpha, all.length);
    plot.draw({
      x: state.by === "time" ? {name: "elapsed", label: "time since the start (s, then m:ss)", clock: true, from_zero: true}
                             : {name: "trial", label: "trial number", from_zero: true},
      y: measure_axis(state.y, state.log),
      dots: [{points: low, color: "low", radius: many ? 1.5 : 2.4, alpha: thin(many ? .25 : .4)},
             {points: singles, color: "top", radius: 1.3, alpha: thin(.35)},
             {points: out, color: "outside", radius: 2.8, alpha: thin(many ? .35 : .7), cross: true},
             {points: full, color: "top", radius: many ? 2 : 3, alpha: thin(many ? .4 : .7)},
             {points: best, color: "front", radius: 3.8}],
      lines: [{points: line, color: "front", width: 1.8, stepped: "before"}],
      tip: (p) => trial_tip(p.trial, p.single ? single_note(state.y, p.y) : undefined), quiet: "No trial has a result yet.",
    });
    $("history-caption").replaceChildren(
        legend([line.length ? ["front", "best so far", "line"] : null,
                full.length ? ["top", top_fidelity && unit ? `at ${units(top_fidelity)}` : "full results"] : null,
                singles.length ? ["top", "single evaluations", "small"] : null,
                low.length ? ["low", "at less: not comparable"] : null,
                out.length ? ["outside", "outside the limits, or failed", "cross"] : null]));
  }
  draw();
  theme_listeners.push(draw);
}

function volume_chart() {
  const every = list(data.hypervolume).map(([ended, t, v]) => ({ended: num(ended), t: num(t), y: num(v)}));
  const rows = every.filter((r) => Number.isFinite(r.y));
  if (!every.length) {
    $("volume-figure").hidden = true;
    return;
  }
  const plot = new Plot($("volume-plot"), "Hypervolume over time");
  if (!rows.length) {
    plot.draw({quiet: "The hypervolume is beyond the numbers that a computer holds: its objectives span too much."});
    return;
  }
  const state = {by: "time"};
  function draw() {
    const time = state.by === "time", points = rows.map((r) => ({...r, x: time ? r.t : r.ended}));
    const last = points[points.length - 1], end = time ? num(data.elapsed_s) : total_trials;
    const line = [...(points[0].x > 0 ? [{x: 0, y: 0}] : []), ...points, ...(end > last.x ? [{x: end, y: last.y}] : [])];
    refill($("volume-controls"), el("strong", {}, "Hypervolume"), chooser("by", ["time", "trials ended"], state.by, (v) => { state.by = v; draw(); }));
    plot.draw({
      x: time ? {name: "elapsed", label: "time since the start (s, then m:ss)", clock: true, from_zero: true} : {name: "trials", label: "trials ended", from_zero: true},
      y: {name: "hypervolume", label: "hypervolume", from_zero: true},
      lines: [{points: line, color: "top", width: 2, stepped: "before", hover: true}],
      tip: (p) => [el("b", {}, `Hypervolume ${plain(p.y)}`), p.t === undefined ? "" : `after ${duration(p.t)} and ${count(p.ended, "trial")}`],
    });
  }
  draw();
  theme_listeners.push(draw);
  const reference = list(data.hypervolume_reference);
  $("volume-caption").append("What the front dominates; more is better.", reference.length ? " Reference point: " +
      joined(reference.map((v, k) => `${(objectives[k] || {name: "?"}).name} ${quantity((objectives[k] || {name: ""}).name, (objectives[k] || {}).minimize === false ? -num(v) : v)}`)) + "." : "");
}

// --- learning curves -------------------------------------------------------------------------------------

const kMostCurves = 120;
const kFewCurves = 40;  // that need not be pale to be told apart

/** At most kMostCurves of `some`: the front's and the selected one, then an even choice of the rest. */
function some_of(some, most_curves = kMostCurves) {
  if (some.length <= most_curves) return some;
  const first = some.filter((t) => on_front.has(t.id) || t.id === selection.id).slice(0, most_curves);
  const rest = some.filter((t) => !on_front.has(t.id) && t.id !== selection.id), room = most_curves - first.length;
  const chosen = Array.from({length: Math.min(room, rest.length)}, (_, k) => rest[Math.floor(k * rest.length / room)]);
  return [...chosen, ...first];
}

function curve_lines(pairs) {
  const rank = (t) => (t.id === selection.id ? 2 : on_front.has(t.id) ? 1 : 0);
  return pairs.sort((a, b) => rank(a[0]) - rank(b[0])).map(([trial, points]) => ({
    points: points.map(([x, y]) => ({x, y, trial})), hover: true,
    color: ["low", "front", "accent"][rank(trial)], alpha: [veil(.35, pairs.length, kFewCurves), .9, 1][rank(trial)], width: [1, 1.6, 3][rank(trial)],
  }));
}

function curves_caption(drawn, all, what) {
  const left = all - drawn;
  return [legend([["front", single ? "the best" : "on the front", "line"], ["low", "others", "line"], ["accent", "selected", "line"]]),
          left > 0 ? `${drawn} of ${all.toLocaleString("en-US")} ${what} drawn: the front and an even choice of the rest; ` +
                     `${left.toLocaleString("en-US")} left out.` : ""];
}

function loss_chart() {
  const all = trials.filter((t) => t.curve.length > 0);
  if (!all.length) {
    $("loss-figure").hidden = true;
    return false;
  }
  const plot = new Plot($("loss-plot"), "Training loss");
  let log = null;
  function draw() {
    const drawn = some_of(all);
    const pairs = drawn.map((t) => {
      const every = Math.ceil(t.curve.length / 300);
      return [t, t.curve.filter((_, k) => k % every === 0 || k === t.curve.length - 1).map(([x, y]) => [num(x), num(y)])];
    });
    log ??= spans_decades(pairs.flatMap(([, points]) => points.map((p) => p[1])));
    refill($("loss-controls"), checkbox("log", log, (v) => { log = v; draw(); }));
    plot.draw({x: {name: "", label: unit || "fidelity"}, y: {name: "", label: "training loss", log}, lines: curve_lines(pairs),
               dots: [], tip: (p) => trial_tip(p.trial, `training loss ${plain(p.y)} at ${p.x} ${unit}`)});
    $("loss-caption").replaceChildren(...curves_caption(drawn.length, Math.max(all.length, num(held.curves_total) || 0), "curves"));
  }
  draw();
  theme_listeners.push(draw);
  selection.listeners.push(soon(draw));
  return true;
}

function rungs_chart() {
  const all = trials.filter((t) => t.results.length > 1 && !outside(t));
  const names = [...measures.keys()].filter((name) => all.some((t) => t.results.some((r) => Number.isFinite(at_rung(r, name)))));
  if (!names.length) {
    $("rungs-figure").hidden = true;
    return false;
  }
  const plot = new Plot($("rungs-plot"), "Results at the rungs");
  const state = {y: names[0], log: null};
  function draw() {
    const has = all.filter((t) => t.results.some((r) => Number.isFinite(at_rung(r, state.y)))), drawn = some_of(has);
    const lines = curve_lines(drawn.map((t) => [t, t.results.map((r) => [num(r.fidelity), at_rung(r, state.y)])]));
    state.log ??= spans_decades(lines.flatMap((l) => l.points.map((p) => p.y)));
    refill($("rungs-controls"),
        chooser("Result", names, state.y, (v) => { state.y = v; state.log = null; draw(); }),
        checkbox("log", state.log, (v) => { state.log = v; draw(); }));
    plot.draw({
      x: {name: "", label: unit || "fidelity", log: rungs.length ? least(rungs) > 0 && top_fidelity >= 4 * least(rungs)
                                                                : spans_decades(lines.flatMap((l) => l.points.map((p) => p.x))),
          at: rungs.length > 0 && rungs.length <= 8 ? rungs : null},
      y: measure_axis(state.y, state.log), lines: lines.map((line) => ({...line, hover: false})),
      dots: lines.map((l) => ({points: l.points, color: l.color, radius: 2.5, alpha: l.alpha})),
      tip: (p) => trial_tip(p.trial, `${state.y} ${quantity(state.y, p.y)} at ${p.x} ${unit}`),
    });
    $("rungs-caption").replaceChildren(...curves_caption(drawn.length, Math.max(has.length, num(held.results_total) || 0), "trials"));
  }
  draw();
  theme_listeners.push(draw);
  selection.listeners.push(soon(draw));
  return true;
}
