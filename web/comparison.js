
// The page of hone bench search: curves of regret, ranks with their critical difference, times.

const contenders = data.contenders.filter((c) => data.problems.some((p) => p.results[c.name]));
contenders.forEach((c, i) => { c.colour = COLOURS[i % COLOURS.length]; });
const ranked = contenders.filter((c) => data.ranked.includes(c.name));
const final_rank = (c) => data.ranks.length ? data.ranks[data.ranks.length - 1].mean[data.ranked.indexOf(c.name)] : 0;
ranked.sort((a, b) => final_rank(a) - final_rank(b));
const clock = data.workers > 1;
const unit = clock ? "evaluations’ worth of time" : "evaluations";
const number = (v) => (typeof v === "string" ? (v === "inf" ? Infinity : NaN) : v);
const shown = (v) => {
  v = number(v);
  if (v === undefined || v === null || Number.isNaN(v)) return "–";
  if (!Number.isFinite(v)) return "none";
  return v === 0 ? "0" : v >= 100 ? v.toFixed(0) : v >= 0.1 ? v.toFixed(2) : v.toPrecision(2);
};

// The best few of each side are shown at first.
const visible = new Set();
const start = [...ranked, ...contenders.filter((c) => !ranked.includes(c))];
for (const own of [true, false]) start.filter((c) => c.own === own).slice(0, 4).forEach((c) => visible.add(c.name));

const redraw = [];
function chips() {
  for (const c of start) {
    const chip = el("button", {class: `chip${c.own ? "" : " dashed"}`, "aria-pressed": visible.has(c.name), title: `${c.summary} (${c.version})`},
                    el("i", {class: "swatch line"}), c.name);
    chip.firstChild.style.color = c.colour;
    chip.addEventListener("click", () => {
      visible.has(c.name) ? visible.delete(c.name) : visible.add(c.name);
      chip.setAttribute("aria-pressed", visible.has(c.name));
      redraw.forEach((draw) => draw());
    });
    $("chips").append(chip);
  }
}

const round_ticks = (low, high) => {
  const ticks = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); ++e)
    for (const m of high / low < 30 ? [1, 2, 5] : [1]) {
      const v = Number(`${m}e${e}`);
      if (v >= low * 0.999 && v <= high * 1.001) ticks.push(v);
    }
  return ticks;
};

const kMostRegret = 10;

/**
 * Lines on logarithmic axes; `lines`: [{contender, points}]. A regret of 0 lies on the floor and one above
 * kMostRegret at the top, which say so.
 */
function curves(host, lines, label) {
  const width = Math.max(300, host.clientWidth || 600), height = host.classList.contains("tall") ? 380 : 230;
  const left = 48, right = 10, top = 8, bottom = 36;
  const ys = lines.flatMap((l) => l.points.map((p) => p[1])).filter((y) => y > 0);
  const zero = lines.some((l) => l.points.some((p) => p[1] <= 0));
  const least = Math.max(1e-6, Math.min(0.5, ...ys)), low = zero ? least / 3 : least;
  const high = Math.max(low * 2, Math.min(kMostRegret, Math.max(1, ...ys))), cut = ys.some((y) => y > high);
  const x = (v) => left + (width - left - right) * Math.log(v) / Math.log(Math.max(2, data.trials));
  const y = (v) => top + (height - top - bottom) * (Math.log(high) - Math.log(Math.min(high, Math.max(low, v)))) / (Math.log(high) - Math.log(low));
  const picture = svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label});
  if (zero) picture.append(svg("text", {x: left - 6, y: y(low) + 4, "text-anchor": "end"}, "0"));
  for (const t of round_ticks(least, high))
    picture.append(svg("line", {class: "grid-line", x1: left, x2: width - right, y1: y(t), y2: y(t)}),
                   svg("text", {x: left - 6, y: y(t) + 4, "text-anchor": "end"}, cut && t >= high * 0.999 ? `≥ ${t}` : shown(t)));
  for (const t of round_ticks(1, data.trials))
    picture.append(svg("line", {class: "grid-line", y1: top, y2: height - bottom, x1: x(t), x2: x(t)}),
                   svg("text", {x: x(t), y: height - bottom + 16, "text-anchor": "middle"}, String(t)));
  picture.append(svg("line", {class: "axis-line", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom}),
                 svg("text", {x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle"}, unit));
  for (const {contender, points} of lines) {
    if (!points.length) continue;
    let d = `M${x(points[0][0])},${y(points[0][1])}`;
    for (let i = 1; i < points.length; ++i) d += `H${x(points[i][0])}V${y(points[i][1])}`;
    d += `H${x(data.trials)}`;
    const path = svg("path", {d, class: contender.own ? "" : "other", stroke: contender.colour}, svg("title", {}, contender.name));
    picture.append(path);
  }
  host.replaceChildren(picture);
}

/** The mean over the problems where all have a value. */
function mean_curve(c) {
  const all = data.problems.map((p) => p.results[c.name]).filter(Boolean).map((r) => r.curve);
  if (!all.length) return [];
  const xs = [...new Set(all.flat().map((p) => p[0]))].sort((a, b) => a - b);
  const begin = Math.max(...all.map((curve) => (curve.length ? curve[0][0] : Infinity)));
  return xs.filter((v) => v >= begin).map((v) => {
    const at = all.map((curve) => curve.reduce((found, p) => (p[0] <= v ? p[1] : found), NaN));
    return [v, at.reduce((a, b) => a + b, 0) / at.length];
  });
}

function regret_section() {
  const means = new Map(contenders.map((c) => [c.name, mean_curve(c)]));
  redraw.push(() => curves($("all-curve"), contenders.filter((c) => visible.has(c.name)).map((contender) => ({contender, points: means.get(contender.name)})),
                           "Mean regret by evaluations"));
  const table = $("regret-table");
  table.append(el("thead", {}, el("tr", {}, el("th", {class: "text"}, el("span", {}, "contender")), el("th", {}, el("span", {}, "mean rank")),
                                  ...data.at.map((n) => el("th", {}, el("span", {}, `at ${n}`))), el("th", {}, el("span", {}, "ms")),
                                  el("th", {class: "text"}, el("span", {}, "version")))));
  const body = el("tbody");
  for (const c of ranked)
    body.append(el("tr", {}, el("td", {class: c.own ? "text own" : "text", title: c.summary}, c.name), el("td", {}, data.ranks.length ? final_rank(c).toFixed(2) : "–"),
                   ...(c.regret || []).map((r) => el("td", {}, shown(r))), el("td", {}, shown(c.ms)), el("td", {class: "text"}, c.version)));
  table.append(body);
}

/** Demsar's diagram: mean ranks on a line, bars over those that do not differ. */
function rank_section() {
  const test = data.ranks[data.ranks.length - 1];
  if (!test) {
    $("ranks-note").textContent = "Ranks need two contenders with results on every problem.";
    return;
  }
  $("ranks-note").textContent = `Mean rank over ${data.problems.length} problems at ${data.at[data.at.length - 1]} ${unit}. Friedman: chi-square ${test.chi_square.toFixed(1)}, ` +
      `p = ${test.p.toPrecision(2)}. Ranks closer than ${test.critical_difference.toFixed(2)} do not differ at the 5% level (Nemenyi): a bar joins them.`;
  const k = ranked.length, row = 22, bars = test.alike.length, top = 62 + 7 * bars, half = Math.ceil(k / 2);
  const width = 900, left = 220, right = 220, height = top + half * row + 10;
  const x = (r) => left + (width - left - right) * (k > 1 ? (r - 1) / (k - 1) : 0);
  const picture = svg("svg", {viewBox: `0 0 ${width} ${height}`, style: "min-width: 620px", role: "img", "aria-label": "Mean ranks with critical difference"});
  const line = (x1, y1, x2, y2, colour, w = 1) => svg("line", {x1, y1, x2, y2, style: `stroke: ${colour}; stroke-width: ${w}`});
  picture.append(line(x(1), 42, x(k), 42, "var(--soft)"));
  for (let r = 1; r <= k; r += Math.max(1, Math.round(k / 12)))
    picture.append(line(x(r), 38, x(r), 42, "var(--soft)"), svg("text", {x: x(r), y: 34, "text-anchor": "middle"}, String(r)));
  const cd = Math.min(x(1) + (width - left - right), x(1 + test.critical_difference));
  picture.append(line(x(1), 12, cd, 12, "var(--ink)", 2), svg("text", {x: cd + 6, y: 16}, `critical difference ${test.critical_difference.toFixed(2)}`));
  test.alike.forEach((group, i) => {
    const at = group.map((g) => test.mean[g]);
    picture.append(line(x(Math.min(...at)) - 3, 49 + 7 * i, x(Math.max(...at)) + 3, 49 + 7 * i, "var(--low)", 4));
  });
  ranked.forEach((c, i) => {
    const r = final_rank(c), leftward = i < half, y = top + (leftward ? i : k - 1 - i) * row;
    const end = leftward ? left - 8 : width - right + 8;
    picture.append(svg("path", {d: `M${x(r)},42V${y}H${end}`, style: `fill: none; stroke: ${c.own ? "var(--top)" : "var(--front)"}`}),
                   svg("text", {x: leftward ? end - 5 : end + 5, y: y + 4, "text-anchor": leftward ? "end" : "start", class: c.own ? "own" : "other"}, `${c.name}  ${r.toFixed(2)}`));
  });
  $("ranks-plot").replaceChildren(picture);
}

function time_section() {
  $("times-note").textContent = clock ? "Mean milliseconds a trial, whole of ask, reports and tell." :
      "Median milliseconds to ask and tell: hone’s through the whole engine, the journal included; a peer’s by its own clock, without the way there.";
  const timed = contenders.map((c) => [c, number(c.ms ?? (data.problems.map((p) => p.results[c.name]).find(Boolean) || {}).ms)]).filter(([, v]) => v > 0);
  timed.sort((a, b) => a[1] - b[1]);
  if (!timed.length) return;
  const low = timed[0][1] / 2, high = timed[timed.length - 1][1];
  const table = el("table", {class: "bars"});
  for (const [c, v] of timed) {
    const bar = el("i", {class: "alone"});
    bar.style.width = `${100 * Math.log(v / low) / Math.log(Math.max(high / low, 2))}%`;
    if (!c.own) bar.style.background = "var(--front)";
    table.append(el("tr", {}, el("th", {class: c.own ? "own" : ""}, c.name), el("td", {class: "wide-bar"}, el("div", {class: "share"}, bar)), el("td", {}, `${shown(v)} ms`)));
  }
  $("times-bars").append(table, el("p", {class: "quiet"}, "The bars are logarithmic."));
}

function problem_section() {
  $("problems-note").textContent = `Regret at n: mean over seeds and its standard error; to r: ${unit} until the median run’s regret is at most r.`;
  for (const p of data.problems) {
    const host = el("div", {class: "curve"});
    const rows = contenders.filter((c) => p.results[c.name]);
    rows.sort((a, b) => number(p.results[a.name].regret.at(-1)) - number(p.results[b.name].regret.at(-1)));
    const table = el("table", {class: "plain"}, el("thead", {}, el("tr", {}, ...["contender", ...data.at.map((n) => `at ${n}`), ...data.targets.map((t) => `to ${t}`), "ms", "seeds"]
        .map((text, i) => el("th", {class: i ? "" : "text"}, el("span", {}, text))))));
    const body = el("tbody");
    for (const c of rows) {
      const r = p.results[c.name];
      body.append(el("tr", {}, el("td", {class: c.own ? "text own" : "text"}, c.name),
                     ...r.regret.map((v, i) => el("td", {}, shown(v) + (Number.isFinite(number(r.error[i])) ? ` ± ${shown(r.error[i])}` : ""))),
                     ...r.reached.map((v) => el("td", {}, Number.isFinite(number(v)) ? String(Math.ceil(v)) : "–")), el("td", {}, shown(r.ms)), el("td", {}, String(r.seeds))));
    }
    table.append(body);
    $("problem-plots").append(el("div", {class: "panel"}, el("h3", {}, p.name), el("p", {class: "quiet"}, `${p.title}; ${p.suite}, ${p.parameters} parameters`), host,
                                 el("details", {}, el("summary", {}, "Figures"), scroller(`Figures of ${p.name}`, table))));
    redraw.push(() => curves(host, contenders.filter((c) => visible.has(c.name) && p.results[c.name]).map((contender) => ({contender, points: p.results[contender.name].curve})), `Regret on ${p.name}`));
  }
}

function skip_section() {
  const by_reason = new Map();
  for (const s of data.skips) {
    const key = `${s.contender}: ${s.why}`;
    by_reason.set(key, [...(by_reason.get(key) || []), [s.problem, s.reached].filter(Boolean).join(" ")].filter(Boolean));
  }
  $("skips").append(by_reason.size ? el("ul", {}, ...[...by_reason].map(([why, where]) => el("li", {}, why + (where.length ? ` (${where.join(", ")})` : "")))) : el("p", {class: "quiet"}, "Nothing."));
}

const own = contenders.filter((c) => c.own).length;
$("sentence").textContent = `${own} of hone’s and ${contenders.length - own} of other libraries’ methods on ${data.problems.length} problem${data.problems.length === 1 ? "" : "s"}, ` +
    `${data.seeds} seed${data.seeds === 1 ? "" : "s"} each, the same budget of ${data.trials} ${unit}${clock ? ` on ${data.workers} simulated workers` : ""}.`;
$("setting").textContent = [...new Set(contenders.map((c) => c.version))].join("  ·  ");
$("foot").textContent = `Written by hone ${data.hone}. Everything is in this one file; it loads nothing.`;
chips();
regret_section();
rank_section();
time_section();
problem_section();
skip_section();
redraw.forEach((draw) => draw());
let resized = 0;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => redraw.forEach((draw) => draw()), 100);
});
