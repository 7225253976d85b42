// The report's data, read defensively (any key may be missing, numbers may be "nan"), and how it is written
// for people. Nothing here or elsewhere makes HTML from text: el() sets text, never markup.

const $ = (id) => document.getElementById(id);

/** An element with attributes (functions become listeners, null and false are left out) and children. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else if (name === "color") node.style.color = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** A box that scrolls, by the keyboard too. */
const scroller = (label, ...children) => el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": label}, ...children);

function num(value) {
  if (typeof value === "number") return value;
  if (value === "inf") return Infinity;
  if (value === "-inf") return -Infinity;
  return NaN;
}
const list = (value) => (Array.isArray(value) ? value : []);
const words = (value) => (value === null || value === undefined ? "" : String(value));

const STATES = ["completed", "paused", "running", "waiting", "pruned", "infeasible", "failed", "stale", "deleted"];
const data = JSON.parse($("data").textContent);
const objectives = list(data.objectives).map((o) => ({...o, name: words(o.name), minimize: o.minimize !== false}));
const unit = words(data.fidelity_unit);
const rungs = list(data.rungs).map(num).filter(Number.isFinite);

/** A packed column (see report.h) as a list of n values. */
function column(packed, n) {
  if (packed === null || packed === undefined) return new Array(n).fill(undefined);
  if (Array.isArray(packed)) return packed;
  if ("c" in packed) return new Array(n).fill(packed.c === null ? undefined : packed.c);
  const all = packed.i ? new Array(n).fill(undefined) : new Array(list(packed.v).length);
  list(packed.v).forEach((v, at) => { all[packed.i ? packed.i[at] : at] = packed.k ? (v < 0 ? undefined : packed.k[v]) : v; });
  return all;
}

const held = data.trials && typeof data.trials === "object" ? data.trials : {};
const total_trials = num(held.total) || num(held.rows) || 0;
const trials = (() => {
  const n = num(held.rows) || 0, get = (name) => column(held[name], n);
  const names = ["id", "state", "fidelity", "created_s", "finished_s", "spent_s", "origin", "worker", "cause", "reason",
                 "attempts", "lost", "same_as", "of", "replicate", "evaluations", "key", "structural", "functional"];
  const columns = names.map(get), made = new Array(n);
  for (let row = 0; row < n; ++row) {
    const t = {config: {}, measures: {}, alone: {}, results: [], curve: []};
    for (let k = 0; k < names.length; ++k) {
      const v = columns[k][row];
      if (v !== undefined && v !== null) t[names[k]] = v;
    }
    t.state = words(t.state);
    t.fidelity = num(t.fidelity) || 0;
    t.same_as = num(t.same_as ?? -1);
    made[row] = t;
  }
  for (const part of ["config", "measures", "alone"])
    for (const [name, packed] of Object.entries(held[part] || {})) {
      const all = column(packed, n);
      for (let row = 0; row < n; ++row) if (all[row] !== undefined && all[row] !== null) made[row][part][name] = all[row];
    }
  for (const [row, curve] of Object.entries(held.curves || {}))
    if (made[row]) made[row].curve = list(curve[0]).map((x, k) => [x, curve[1][k]]);
  const result_names = list(held.result_names);
  for (const [row, results] of Object.entries(held.results || {}))
    if (made[row])
      made[row].results = list(results).map(([fidelity, ...values]) => ({fidelity,
          measures: Object.fromEntries(values.map((v, k) => [result_names[k], v]).filter(([, v]) => v !== null))}));
  // A trial with one result: it is what its measures are.
  for (const t of made) if (!t.results.length && t.fidelity > 0) t.results = [{fidelity: t.fidelity, measures: t.measures}];
  return made;
})();
const by_id = new Map(trials.map((t) => [t.id, t]));
const parameters = list(data.parameters).map((p) => ({...p, name: words(p.name)}));
const single = objectives.length < 2;
// Not Math.max(...array): its arguments live on the stack, which 20,000 trials can exhaust.
const most = (values) => values.reduce((a, b) => (b > a ? b : a), -Infinity);
const least = (values) => values.reduce((a, b) => (b < a ? b : a), Infinity);
const top_fidelity = rungs.length ? rungs[rungs.length - 1] : Math.max(0, most(trials.map((t) => t.fidelity)));
const front = list(data.front).map((id) => by_id.get(id)).filter(Boolean);
const on_front = new Set(front.map((t) => t.id));

/** The measures to choose from: the objectives first, then what else trials report. */
const measures = (() => {
  const found = new Map(objectives.map((o) => [o.name, words(o.summary)]));
  for (const m of list(data.measures)) found.set(words(m.name), words(m.summary) || found.get(words(m.name)) || "");
  const reported = held.measures || {};
  for (const name of Object.keys(reported)) if (!found.has(name)) found.set(name, "");
  for (const name of [...found.keys()]) if (!(name in reported) && trials.length) found.delete(name);
  return found;
})();

const value = (trial, name) => num(trial.measures[name]);
const outside = (trial) => ["infeasible", "failed", "stale", "deleted"].includes(trial.state);
/** A further evaluation of another trial's config: that one's measures are of all of them together. */
const is_repeat = (trial) => num(trial.of) >= 0;
const at_top = (trial) => !outside(trial) && !is_repeat(trial) && trial.fidelity >= top_fidelity && trial.fidelity > 0;
const at_less = (trial) => !outside(trial) && !is_repeat(trial) && !at_top(trial);
/** What a trial's own evaluation gave, without the others of its config or function. */
const own_value = (trial, name) => num(name in trial.alone ? trial.alone[name] : trial.measures[name]);
/** What to say where every result there is breaks a limit; "" otherwise. */
function nothing_within() {
  const seen = trials.filter((t) => objectives.some((o) => Number.isFinite(value(t, o.name))));
  const broken = Math.max(seen.length, num((data.counts || {}).infeasible) || 0);
  return seen.length && seen.every((t) => t.state === "infeasible") ? (broken === 1 ? "The one result breaks a limit." : `All ${broken.toLocaleString("en-US")} results break a limit.`) : "";
}
/** The trials with an evaluation of their own that is not what they count as. */
const single_evaluations = (some) => some.filter((t) => !outside(t) && (is_repeat(t) || Object.keys(t.alone).length > 0));
const at_rung = (result, name) => num((result.measures || {})[name]);
const ended_s = (trial) => {
  const finished = num(trial.finished_s);
  return finished > 0 ? finished : (num(trial.created_s) || 0) + (num(trial.spent_s) || 0);
};

/** Whether a measure is a cost by its name: time, energy, memory, money, work, size. */
const is_cost = (name) => /(_s|_j|_bytes|dollars|flops|macs|params|parameters|^seconds)$/.test(name);

/** Which way a measure is better: an objective's own, less for a cost by its name, null where unknown. */
function minimized(name) {
  const objective = objectives.find((o) => o.name === name);
  if (objective) return objective.minimize;
  const told = list(data.measures).find((m) => m.name === name);
  if (told && /(_s|_j|_bytes|dollars|flops|macs|params|parameters|loss)$/.test(name)) return told.minimize !== false;
  return /(_s|_j|_bytes|dollars|flops|macs|params|parameters|loss)$/.test(name) ? true : null;
}

/** The parameters whose value is not the same in all of `some` trials. */
function differing(some) {
  return parameters.filter((p) => {
    const first = some.length ? some[0].config[p.name] : undefined;
    return some.some((t) => t.config[p.name] !== first);
  });
}

// --- numbers as text -------------------------------------------------------------------------------------

/** The unit in which a value of this measure is written, by the name's ending: [scale, suffix]. */
function unit_of(given, size) {
  const name = given.replace(/_predicted$| \(before\)$/, "");
  const step = (table) => (table.find(([from]) => size >= from) || table[table.length - 1]).slice(1);
  if (/_s$|^seconds$/.test(name)) return size === 0 ? [1, " s"] : step([[1, 1, " s"], [1e-3, 1e-3, " ms"], [0, 1e-6, " us"]]);
  if (/_bytes$/.test(name)) return step([[1e9, 1e9, " GB"], [1e6, 1e6, " MB"], [1e3, 1e3, " kB"], [0, 1, " B"]]);
  if (/_j$/.test(name)) return step([[1e3, 1e3, " kJ"], [1, 1, " J"], [1e-3, 1e-3, " mJ"], [0, 1e-6, " uJ"]]);
  if (/(parameters|params|flops|macs|tokens|rows|n_[a-z]+)$/.test(name))
    return step([[1e12, 1e12, " T"], [1e9, 1e9, " G"], [1e6, 1e6, " M"], [1e3, 1e3, " k"], [0, 1, ""]]);
  if (/dollars$/.test(name)) return [1, " $"];
  return [1, ""];
}

function plain(x, digits = 4) {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  const size = Math.abs(x);
  if (Number.isInteger(x) && size < 1e7) return String(x);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) return x.toExponential(2).replace(/\.?0+e/, "e").replace("e+", "e");
  return x.toPrecision(Math.max(digits, Math.ceil(Math.log10(size + 1))));
}

/** A measure's value with its unit; "–" where the trial lacks it. */
function quantity(name, given) {
  if (given === undefined || given === null) return "–";
  const x = num(given);
  if (!Number.isFinite(x)) return plain(x);
  const [scale, suffix] = unit_of(name, Math.abs(x));
  return plain(Number((x / scale).toPrecision(12)), suffix ? 3 : 4) + suffix;
}

function setting(given) {
  if (given === undefined) return "–";
  if (typeof given !== "number") return typeof given === "object" ? JSON.stringify(given) : String(given);
  return plain(given).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

function duration(seconds) {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 100) return `${plain(seconds, 3)} s`;
  const total = Math.round(seconds), two = (n) => String(n).padStart(2, "0");
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

const count = (n, one, many = `${one}s`) => `${Number(n).toLocaleString("en-US")} ${n === 1 ? one : many}`;
/** "180 steps", "1 step" */
const units = (n) => `${n} ${Number(n) === 1 ? unit.replace(/([^s])s$/, "$1") : unit}`.trimEnd();
const joined = (items) => items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`;
const titled = (name) => {
  const summary = measures.get(name);
  return summary && summary.length <= 48 ? `${name}  (${summary})` : name;
};

// --- the selected trial ----------------------------------------------------------------------------------

const selection = {id: null, listeners: []};
function select(trial) {
  selection.id = trial ? trial.id : null;
  for (const listener of selection.listeners) listener();
}

/** Calls once in the next frame, however often it is asked. */
function soon(call) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; call(); });
  };
}

// --- drawing in turns --------------------------------------------------------------------------------------

/** What need not be there at once is drawn in turns of some milliseconds, so that the page answers meanwhile. */
const queue = {waiting: [], running: false, done: []};
function later(call) {
  queue.waiting.push(call);
  if (queue.running) return;
  queue.running = true;
  setTimeout(turn, 0);
}
function turn() {
  for (const until = performance.now() + 25; queue.waiting.length && performance.now() < until;) queue.waiting.shift()();
  if (queue.waiting.length) return void setTimeout(turn, 0);
  queue.running = false;
  queue.done.forEach((call) => call());
}
addEventListener("beforeprint", () => { while (queue.waiting.length) queue.waiting.shift()(); });

// --- controls --------------------------------------------------------------------------------------------

/** Puts new controls in place of the old ones; the one in use keeps the keyboard's focus. */
function refill(host, ...children) {
  const fields = () => [...host.querySelectorAll("select, input")], at = fields().indexOf(document.activeElement);
  host.replaceChildren(...children);
  if (at >= 0 && fields()[at]) fields()[at].focus();
}
function chooser(label, names, chosen, changed) {
  const box = el("select", {change: () => changed(box.value)},
                 ...names.map((name) => el("option", {value: name, selected: name === chosen}, name)));
  return el("label", {}, label, box);
}
function checkbox(label, checked, changed) {
  const box = el("input", {type: "checkbox", checked, change: () => changed(box.checked)});
  return el("label", {}, box, label);
}
function legend(entries) {
  return el("div", {class: "legend"}, ...entries.filter(Boolean).map(([color, text, shape]) =>
      el("span", {}, el("i", {class: `swatch ${shape || ""}`, color: `var(--${color})`}), text)));
}
