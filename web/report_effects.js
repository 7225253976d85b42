
// What the parameters do, what beat the defaults, all parameters side by side, predicted against measured.

const effects_of = (name) => list(data.effects).find((e) => e.measure === name);
const effect_rank = (name) => new Map(list((effects_of(name) || {}).effects).map((e) => [e.name, num(e.total) || 0]));
const share_text = (x) => (x >= 0.0995 ? `${Math.round(100 * x)} %` : x >= 0.0005 ? `${(100 * x).toFixed(1)} %` : "0 %");

/** A link that selects a trial. */
const trial_link = (id) => el("button", {type: "button", class: "link", click: () => choose_trial(id)}, `trial ${id}`);
function choose_trial(id) {
  if (by_id.has(id)) select(by_id.get(id));
}

function gains_part() {
  const gains = data.gains;
  if (!gains || !gains.text) return false;
  const rows = list(gains.objectives);
  const signed = (x) => `${x > 0 ? "+" : ""}${plain(x, 2)} %`;
  const said = rows.length ? [...rows.map((r) => `${r.text}.`), words(gains.closing)] : [words(gains.text)];
  $("gains-text").replaceChildren(...said.filter(Boolean).map((line) => el("p", {}, line.replace(" -> ", " → "))));
  const models = rows.map((r) => effects_of(r.name)).filter((e) => e && !e.lacking && Number.isFinite(num(e.explained)));
  $("gains-note").replaceChildren("Compared with ", trial_link(num(gains.trial)), ", which took every default. ",
      rows.some((r) => list(r.steps).some((s) => s.change !== null)) ? "What single settings contribute is estimated: from the defaults to the best design one setting " +
      `after another, each time the most helpful, by a random forest (${joined(models.map((e) => `${e.measure}: explains ${share_text(num(e.explained))} of what it has not seen`))}).` : "");
  const table = rows.filter((r) => list(r.steps).length).map((r) => el("details", {},
      el("summary", {}, `${r.name}: all ${count(list(r.steps).length, "setting")} that differ`),
      scroller(`${r.name}: settings that differ`, el("table", {class: "plain"},
          el("thead", {}, el("tr", {}, ...["parameter", "default", "best", "estimated change"].map((h, k) =>
              el("th", {scope: "col", class: k < 3 ? "text" : null}, el("span", {}, h))))),
          el("tbody", {}, ...list(r.steps).map((s) => el("tr", {}, el("td", {class: "text"}, s.parameter), el("td", {class: "text"}, s.from),
              el("td", {class: "text"}, s.to), el("td", {}, s.change === null ? "–" : num(r.before) ? signed(100 * num(s.change) / Math.abs(num(r.before))) : plain(num(s.change))))))))));
  $("gains-table").replaceChildren(...table);
  return true;
}

// --- effects -----------------------------------------------------------------------------------------------

const kMostDots = 1500;   // in each of the small plots
const kFirstPlots = 12;   // before "all parameters" is asked for

function effects_chart() {
  const names = [...measures.keys()], seen = trials.filter((t) => !outside(t) && !is_repeat(t));
  if (!told_apart.length || !names.some((n) => seen.some((t) => Number.isFinite(value(t, n))))) return false;
  const state = {y: names[0], log: null, all: false};
  const cells = new Map();  // by parameter: its box and plot, made when first shown

  function importance() {
    const found = effects_of(state.y), host = $("effects-bars");
    if (!found || found.lacking || !list(found.effects).length) {
      host.hidden = true;
      $("effects-method").textContent = found && found.lacking ? `Importance of parameters for ${state.y}: ${found.lacking}.` : "";
      return;
    }
    host.hidden = false;
    const shown = list(found.effects).filter((e) => num(e.total) >= 0.0005).slice(0, state.all ? 60 : kFirstPlots);
    const left = list(found.effects).length - shown.length;
    host.replaceChildren(el("table", {class: "bars"}, el("caption", {class: "skip"}, `Share of the variance of ${state.y} by parameter`),
        el("thead", {class: "skip"}, el("tr", {}, ...["parameter", "alone", "with interactions"].map((h) => el("th", {scope: "col"}, h)))),
        el("tbody", {}, ...shown.map((e) => {
          const bar = el("div", {class: "share"}, el("i", {class: "with"}), el("i", {class: "alone"}));
          bar.children[0].style.width = `${100 * num(e.total)}%`;
          bar.children[1].style.width = `${100 * num(e.share)}%`;
          return el("tr", {}, el("th", {scope: "row", title: e.name}, e.name), el("td", {class: "wide-bar", "aria-hidden": "true"}, bar), el("td", {}, share_text(num(e.share))),
                    el("td", {class: "quiet"}, share_text(num(e.total))));
        }))), legend([["top", "alone"], ["with", "with interactions"]]), left > 0 ? el("p", {class: "quiet"}, `${count(left, "parameter")} below these${state.all ? "" : " or not shown"}.`) : "");
    const at = num(found.fidelity);
    $("effects-method").textContent = `Share of the variance of ${state.y} over the whole space, by functional ANOVA over a random forest (Hutter et al. 2014); ` +
        `with interactions: total effect (Jansen). From ${count(num(found.used), "trial")}${at > 0 ? ` at ${units(at)}` : ""}` +
        `${num(found.clipped) ? `, ${count(num(found.clipped), "outlier")} clipped` : ""}; the forest explains ${share_text(Math.max(0, num(found.explained) || 0))} of the variance of trials that it has not seen` +
        `${num(found.explained) < 0.5 ? ": take this with care" : ""}.`;
  }

  function cell(p) {
    if (!cells.has(p)) {
      const host = el("div", {class: "plot small"});
      cells.set(p, {box: el("div", {class: "panel"}, el("h3", {}, p.name), host), plot: new Plot(host, `Parameter ${p.name}`)});
    }
    return cells.get(p);
  }

  /** What the effects are of: the measure at one fidelity where they are of one, else the trial's last. */
  function measured(t) {
    const at = num((effects_of(state.y) || {}).fidelity);
    if (!(at > 0) || t.fidelity === at) return value(t, state.y);
    const result = t.results.find((r) => num(r.fidelity) === at);
    return result ? at_rung(result, state.y) : NaN;
  }

  function draw() {
    const good = seen.filter((t) => Number.isFinite(measured(t)));
    state.log ??= spans_decades(good.map(measured));
    const every = Math.ceil(good.length / kMostDots), some = good.filter((t, k) => k % every === 0 || on_front.has(t.id));
    const found = effects_of(state.y), rank = effect_rank(state.y);
    const sorted = [...told_apart].sort((a, b) => (rank.get(b.name) || 0) - (rank.get(a.name) || 0));
    const shown = state.all ? sorted.slice(0, 60) : sorted.slice(0, kFirstPlots);
    refill($("effects-controls"),
        chooser("Effect on", names, state.y, (v) => { state.y = v; state.log = null; draw(); }),
        checkbox("log", state.log, (v) => { state.log = v; draw(); }),
        sorted.length > kFirstPlots ? checkbox(`all ${Math.min(60, sorted.length)} parameters`, state.all, (v) => { state.all = v; draw(); }) : "");
    importance();
    $("effects-grid").replaceChildren(...shown.map((p) => cell(p).box));
    for (const p of shown) later(() => draw_cell(p, some, found));
    const fixed = parameters.filter((p) => !told_apart.includes(p)).map((p) => p.name);
    const at = found && num(found.fidelity) > 0 ? ` at ${units(found.fidelity)}` : "";
    const note = [`Vertical: ${titled(state.y)}${at}, but for the outermost 2 % at either end, the front's never among them; horizontal: the parameter's value.`];
    if (found && !found.lacking) note.push("The line is the mean over all other parameters, with its spread over the forest's trees.");
    if (some.length < good.length) note.push(`${some.length.toLocaleString("en-US")} of ${good.length.toLocaleString("en-US")} trials drawn, the front among them.`);
    if (fixed.length) note.push(`The same in all trials: ${joined(fixed.slice(0, 30))}${fixed.length > 30 ? ` and ${fixed.length - 30} more` : ""}.`);
    $("effects-note").textContent = note.join(" ");
  }

  function draw_cell(p, some, found) {
    const {plot} = cell(p);
    const has = some.filter((t) => p.name in t.config);
    const numeric = has.every((t) => typeof t.config[p.name] === "number");
    const effect = found && list(found.effects).find((e) => e.name === p.name);
    const shape = effect ? list(effect.shape) : [];
    const kinds = numeric ? [] : [...new Set([...shape.map(([v]) => setting(v)), ...has.map((t) => setting(t.config[p.name]))])];
    // Dots of a choice are spread sideways by their id, the same at every drawing.
    const spread = (t) => ((t.id * 0.618034) % 1 - 0.5) * 0.5;
    const place = (v) => (numeric ? v : kinds.indexOf(setting(v)));
    const point = (t) => ({x: place(t.config[p.name]) + (numeric ? 0 : spread(t)), y: measured(t), trial: t});
    const marginal = shape.map(([v, mean, off]) => ({x: place(v), y: num(mean), low: num(mean) - num(off), high: num(mean) + num(off)}));
    const ys = some.map(measured).sort((a, b) => a - b), edge = Math.floor(ys.length / 50);
    const best = has.filter((t) => on_front.has(t.id)).map(measured).filter(Number.isFinite);
    const range = [least([ys[edge], ...best, ...marginal.map((m) => m.low)]), most([ys[ys.length - 1 - edge], ...best, ...marginal.map((m) => m.high)])];
    const few = numeric ? [...new Set(has.map((t) => t.config[p.name]))] : [];
    const thin = (alpha) => veil(alpha, has.length);
    plot.draw({
      x: {name: "", label: p.name, bare: true, at: few.length <= 5 ? few : null, log: numeric && p.log === true && has.every((t) => t.config[p.name] > 0), names: numeric ? null : kinds},
      y: measure_axis(state.y, state.log, {bare: true, range: range[0] < range[1] && (!state.log || range[0] > 0) ? range : null}),
      dots: [{points: has.filter((t) => !at_top(t)).map(point), color: "low", radius: 2, alpha: thin(.3)},
             {points: has.filter(at_top).map(point), color: "top", radius: 2.4, alpha: thin(.4)},
             {points: has.filter((t) => on_front.has(t.id)).map(point), color: "front", radius: 3.6}],
      marginal: marginal.length ? {points: marginal, joined: numeric} : null,
      tip: (q) => trial_tip(q.trial),
    });
  }
  draw();
  theme_listeners.push(draw);
  return true;
}

// --- predicted against measured ----------------------------------------------------------------------------

function cost_chart() {
  const pairs = list(data.cost_pairs);
  if (!pairs.length) return false;
  const plot = new Plot($("cost-plot"), "Predicted against measured");
  const named = pairs.map((p) => `${p.predicted} → ${p.measured}`), state = {at: 0, log_x: null, log_y: null};
  function draw() {
    const pair = pairs[state.at];
    const points = trials.map((t) => ({x: value(t, pair.predicted), y: value(t, pair.measured), trial: t})).filter((p) => Number.isFinite(p.x) && Number.isFinite(p.y));
    state.log_x ??= spans_decades(points.map((p) => p.x));
    state.log_y ??= spans_decades(points.map((p) => p.y));
    refill($("cost-controls"), chooser("Known before, measured after", named, named[state.at], (v) => { state.at = named.indexOf(v); state.log_x = state.log_y = null; draw(); }),
           checkbox("log", state.log_x && state.log_y, (v) => { state.log_x = state.log_y = v; draw(); }));
    const ends = [least(points.map((p) => Math.min(p.x, p.y))), most(points.map((p) => Math.max(p.x, p.y)))];
    plot.draw({
      x: measure_axis(pair.predicted, state.log_x), y: measure_axis(pair.measured, state.log_y),
      dots: [{points: points.filter((p) => !on_front.has(p.trial.id)), color: "top", radius: points.length > 3000 ? 1.8 : 2.8, alpha: veil(.4, points.length)},
             {points: points.filter((p) => on_front.has(p.trial.id)), color: "front", radius: 4}],
      lines: pair.same && points.length ? [{points: ends.map((v) => ({x: v, y: v})), color: "soft", width: 1}] : [],
      tip: (p) => trial_tip(p.trial),
    });
    $("cost-caption").replaceChildren(legend([["front", single ? "the best" : "front"], ["top", "others"], pair.same ? ["soft", "prediction met", "line"] : null]),
        `Rank correlation ${plain(num(pair.rank), 3)} over ${count(num(pair.trials), "trial")} (Spearman): 1 means that ${pair.predicted} puts designs into the very order of ${pair.measured}.` +
        (pair.same ? ` Half of the predictions are within ${share_text(num(pair.off))} of what was measured.` : ""));
  }
  draw();
  theme_listeners.push(draw);
  const rows = pairs.map((p) => el("tr", {}, el("td", {class: "text"}, p.predicted), el("td", {class: "text"}, p.measured), el("td", {}, plain(num(p.rank), 3)),
                                   el("td", {}, p.same ? share_text(num(p.off)) : "–"), el("td", {}, num(p.trials).toLocaleString("en-US"))));
  $("cost-table").replaceChildren(scroller("Predicted and measured cost", el("table", {class: "plain"},
      el("thead", {}, el("tr", {}, ...["known before", "measured", "rank correlation", "median error", "trials"].map((h, k) => el("th", {scope: "col", class: k < 2 ? "text" : null}, el("span", {}, h))))),
      el("tbody", {}, ...rows))));
  return true;
}
