
// Parallel coordinates: a line a trial over axes of parameters and objectives, on a canvas of its own.

const kMostLines = 1500;
const kNameLength = 12;  // of an axis: what stands between two of them

function parallel_chart() {
  const good = trials.filter((t) => !outside(t) && objectives.some((o) => Number.isFinite(value(t, o.name))));
  if (good.length < 2 || !told_apart.length) return false;
  const host = $("parallel-plot"), canvas = el("canvas", {role: "img"}), strip = el("div", {class: "sideways", tabindex: 0, role: "region",
      "aria-label": "Parallel coordinates; up and down step through the lines, best first, Enter selects one, left and right scroll"}, canvas);
  host.replaceChildren(strip);
  const state = {by: objectives[0].name, show: "all", ranges: new Map(), axis: "", at: null};  // axis: whose range the fields set; at: the line that keys reached
  const written = new Map();  // by axis: what its fields say
  const clear = el("button", {type: "button", hidden: true, click: () => { state.ranges.clear(); written.clear(); arrange(); draw(); }}, "clear ranges");
  let axes = [], lines = [], size = [0, 0];

  /** Where values lie between two ends, 0 to 1; halves and logarithms, since differences and ratios can be beyond all numbers. */
  const spread = (low, high, log) => {
    const of = (v) => (log ? Math.log(v) : v / 2), [from, to] = [of(low), of(high)];
    return (v) => (to === from ? 0.5 : (of(v) - from) / (to - from));
  };
  const middle = (low, high, log) => (log ? Math.exp((Math.log(low) + Math.log(high)) / 2) : low / 2 + high / 2);

  /** Axes: {name, at(trial): 0 (bottom) to 1, null: inactive; ticks: [[share, text]]; along(value): where it lies; kinds: values to choose from}. */
  function parameter_axis(p) {
    const values = good.map((t) => t.config[p.name]).filter((v) => v !== undefined);
    if (values.every((v) => typeof v === "number")) {
      const low = least(values), high = most(values), log = p.log === true && low > 0, few = [...new Set(values)];
      const along = spread(low, high, log);
      return {name: p.name, along, at: (t) => (p.name in t.config ? along(t.config[p.name]) : null),
              ticks: (few.length <= 5 ? few : [...new Set([low, middle(low, high, log), high])]).map((v) => [along(v), setting(Number(v.toPrecision(3)))])};
    }
    const kinds = [...new Set(values.map(setting))].sort(collator.compare), at = new Map(kinds.map((k, i) => [k, kinds.length < 2 ? 0.5 : i / (kinds.length - 1)]));
    return {name: p.name, kinds, along: (kind) => at.get(kind), at: (t) => (p.name in t.config ? at.get(setting(t.config[p.name])) : null), ticks: kinds.length > 12 ? [] : kinds.map((k) => [at.get(k), k])};
  }
  function objective_axis(o) {
    const values = good.map((t) => value(t, o.name)).filter(Number.isFinite);
    const low = least(values), high = most(values), log = spans_decades(values);
    const along = spread(low, high, log);
    const up = (s) => (o.minimize ? 1 - s : s);  // better is up
    return {name: `${o.name} ↑`, objective: true, falls: o.minimize, along: (v) => up(along(v)), at: (t) => (Number.isFinite(value(t, o.name)) ? up(along(value(t, o.name))) : null),
            ticks: [low, high].map((v) => [up(along(v)), quantity(o.name, Number(v.toPrecision(3)))])};
  }

  function arrange() {
    const rank = effect_rank(state.by);
    const told = [...told_apart].sort((a, b) => (rank.get(b.name) || 0) - (rank.get(a.name) || 0)).slice(0, 14);
    axes = [...told.map(parameter_axis), ...objectives.map(objective_axis)];
    const o = objectives.find((one) => one.name === state.by);
    const sorted = good.filter((t) => Number.isFinite(value(t, state.by))).sort((a, b) => (o.minimize ? 1 : -1) * (value(a, state.by) - value(b, state.by)));
    const comparable = sorted.filter(at_top), ranked = comparable.length >= 10 ? comparable : sorted;
    const tenth = new Set(ranked.slice(0, Math.max(1, Math.ceil(ranked.length / 10))).map((t) => t.id));
    const every = Math.max(1, Math.ceil(sorted.length / kMostLines));
    const kept = sorted.filter((t, k) => on_front.has(t.id) || t.id === selection.id || k % every === 0);
    const level = (t) => (t.id === selection.id ? 3 : on_front.has(t.id) ? 2 : tenth.has(t.id) ? 1 : 0);
    lines = kept.map((t) => ({t, level: level(t), at: axes.map((a) => a.at(t))})).filter((l) => state.show === "all" || l.level >= (state.show === "front" ? 2 : 1))
                .sort((a, b) => a.level - b.level);
    refill($("parallel-controls"),
        objectives.length > 1 ? chooser("Best by", objectives.map((one) => one.name), state.by, (v) => { state.by = v; arrange(); draw(); }) : "",
        chooser("Show", ["all", "best tenth", "front"], state.show, (v) => { state.show = v; arrange(); draw(); }),
        chooser("Range of", ["", ...axes.map((a) => a.name)], state.axis, (v) => { state.axis = v; arrange(); draw(); }), ...range_fields(),
        clear);
  }

  /** The ends of the chosen axis's range, to be written or chosen: a range without a mouse. */
  function range_fields() {
    const axis = axes.find((a) => a.name === state.axis);
    if (!axis) return [];
    const ends = written.get(axis.name) || ["", ""];
    const share = (text) => (text === "" ? NaN : axis.along(axis.kinds ? text : Number(text)) ?? NaN);
    const change = (k, text) => {
      const next = written.get(axis.name) || ["", ""];
      next[k] = text;
      written.set(axis.name, next);
      // An end that is not given is open, to the side on which that end lies.
      const found = next.map(share), open = axis.falls ? [Infinity, -Infinity] : [-Infinity, Infinity];
      const both = found.map((s, i) => (Number.isNaN(s) ? open[i] : s));
      if (found.every(Number.isNaN)) state.ranges.delete(axis.name);
      else state.ranges.set(axis.name, [least(both), most(both)]);
      draw();
    };
    const field = (label, k) => {
      if (axis.kinds) return chooser(label, ["", ...axis.kinds], ends[k], (v) => change(k, v));
      const box = el("input", {type: "text", inputmode: "decimal", value: ends[k], change: () => change(k, box.value.trim())});
      return el("label", {}, label, box);
    };
    return [field("from", 0), field("to", 1)];
  }

  const passes = (line) => [...state.ranges].every(([name, [low, high]]) => {
    const k = axes.findIndex((a) => a.name === name);
    return k < 0 || (line.at[k] !== null && line.at[k] >= low && line.at[k] <= high);
  });
  const x_of = (k) => 46 + k * (size[0] - 92) / Math.max(1, axes.length - 1);
  const top = 34, foot = 40;
  const y_of = (s) => (s === null ? size[1] - 14 : top + (1 - s) * (size[1] - top - foot));

  function draw() {
    clear.hidden = !state.ranges.size;
    const tall = host.clientHeight || 340;
    size = [Math.max(host.clientWidth || 600, axes.length * 84), tall];
    const sharp = window.devicePixelRatio || 1, ctx = canvas.getContext("2d");
    canvas.width = size[0] * sharp;
    canvas.height = size[1] * sharp;
    canvas.style.width = `${size[0]}px`;
    canvas.style.height = `${size[1]}px`;
    ctx.setTransform(sharp, 0, 0, sharp, 0, 0);
    ctx.clearRect(0, 0, ...size);
    const tones = ["low", "top", "front", "ink", "accent"].map(css), alphas = [lines.length > 300 ? .12 : veil(.3, lines.length, kFewCurves), lines.length > 300 ? .35 : veil(.6, lines.length, kFewCurves), .9, 1, 1];
    const drawn = lines.filter(passes), reached = drawn.find((line) => line.t === state.at);
    for (const line of reached ? [...drawn, {...reached, level: 4}] : drawn) {
      ctx.strokeStyle = tones[line.level];
      ctx.globalAlpha = alphas[line.level];
      ctx.lineWidth = [1, 1, 1.7, 3, 3][line.level];
      ctx.beginPath();
      line.at.forEach((s, k) => (k ? ctx.lineTo(x_of(k), y_of(s)) : ctx.moveTo(x_of(k), y_of(s))));
      ctx.stroke();
    }
    ctx.globalAlpha = 1;
    const family = getComputedStyle(document.body).fontFamily;
    axes.forEach((axis, k) => {
      const x = x_of(k);
      ctx.strokeStyle = css("soft");
      ctx.lineWidth = 1;
      ctx.beginPath();
      ctx.moveTo(x, y_of(1));
      ctx.lineTo(x, y_of(0));
      ctx.stroke();
      const range = state.ranges.get(axis.name);
      if (range) {
        ctx.fillStyle = css("accent");
        ctx.globalAlpha = .35;
        const [from, to] = range.map((s) => y_of(Math.min(1, Math.max(0, s))));
        ctx.fillRect(x - 6, to, 12, from - to);
        ctx.globalAlpha = 1;
      }
      ctx.font = `600 12px ${family}`;
      ctx.textAlign = "center";
      ctx.fillStyle = css(axis.objective ? "accent" : "ink");
      ctx.fillText(shortened(axis.name, kNameLength), x, 16, 82);
      ctx.font = `10.5px ${family}`;
      for (const [s, text] of axis.ticks) {
        const label = shortened(text), wide = ctx.measureText(label).width;
        ctx.fillStyle = css("panel");
        ctx.globalAlpha = .75;
        ctx.fillRect(x - wide / 2 - 2, y_of(s) - 7, wide + 4, 13);
        ctx.globalAlpha = 1;
        ctx.fillStyle = css("soft");
        ctx.fillText(label, x, y_of(s) + 3);
      }
    });
    canvas.setAttribute("aria-label", `Parallel coordinates of ${drawn.length} trials over ${axes.map((a) => a.name).join(", ")}`);
    const seen = lines.some((l) => l.at.some((s) => s === null));
    $("parallel-caption").replaceChildren(
        legend([["front", single ? "the best" : "front", "line"], ["top", `best tenth by ${state.by}`, "line"], ["low", "others", "line"], selection.id === null ? null : ["ink", "selected", "line"]]),
        `${drawn.length.toLocaleString("en-US")} of ${good.length.toLocaleString("en-US")} trials drawn. Drag along an axis, or choose it above, to keep a range of it; click a line to select its trial, or step through the lines with the arrow keys.` +
        (seen ? " Lines run below an axis where its parameter is inactive." : ""),
        told_apart.length > 14 ? ` The 14 parameters with the largest effect on ${state.by}, of ${told_apart.length}.` : "");
  }

  let drag = null;
  const where = (event) => {
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const k = axes.findIndex((_, i) => Math.abs(x_of(i) - x) < 14);
    return {x, y, k, s: Math.min(1, Math.max(0, 1 - (y - top) / (size[1] - top - foot)))};
  };
  canvas.addEventListener("pointerdown", (event) => {
    const at = where(event);
    if (at.k >= 0 && event.pointerType === "mouse") {
      drag = {k: at.k, from: at.s};
      canvas.setPointerCapture(event.pointerId);
    }
  });
  const redraw = soon(draw);
  canvas.addEventListener("pointermove", (event) => {
    if (!drag) {
      const axis = axes[where(event).k];
      canvas.title = axis && axis.name.length > kNameLength ? axis.name : "";
      return;
    }
    const s = where(event).s;
    if (Math.abs(s - drag.from) > 0.015) {
      written.delete(axes[drag.k].name);
      state.ranges.set(axes[drag.k].name, [Math.min(s, drag.from), Math.max(s, drag.from)]);
      drag.moved = true;
      redraw();
    }
  });
  canvas.addEventListener("pointerup", (event) => {
    const at = where(event), was = drag;
    drag = null;
    if (was) {
      if (!was.moved) written.delete(axes[was.k].name), state.ranges.delete(axes[was.k].name);
      arrange();
      draw();
      return;
    }
    let best = null, near = 9;
    const k = Math.max(0, axes.findLastIndex((_, i) => x_of(i) <= at.x));
    for (const line of lines) {
      if (k + 1 >= axes.length || !passes(line)) continue;
      const share = (at.x - x_of(k)) / (x_of(k + 1) - x_of(k)), y = y_of(line.at[k]) * (1 - share) + y_of(line.at[k + 1]) * share;
      if (Math.abs(y - at.y) <= near) [best, near] = [line.t, Math.abs(y - at.y)];
    }
    if (best) select(best);
  });
  /** Along the lines that are drawn, from the best by the chosen objective. */
  function key(event) {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    if (event.key === "Enter" && state.at) return select(state.at);
    if (event.key === "Escape") return leave();
    if (!step) return;
    event.preventDefault();
    const goal = objectives.find((one) => one.name === state.by).minimize ? 1 : -1;
    const order = lines.filter(passes).map((l) => l.t).sort((a, b) => goal * (value(a, state.by) - value(b, state.by)) || a.id - b.id);
    if (!order.length) return;
    const at = order.indexOf(state.at);
    state.at = order[at < 0 ? 0 : (at + step + order.length) % order.length];
    draw();
    const end = lines.find((l) => l.t === state.at).at[0];
    show_tip(strip, x_of(0) - strip.scrollLeft, y_of(end), trial_tip(state.at));
  }
  function leave() {
    if (!state.at) return;
    state.at = null;
    $("tip").hidden = true;
    draw();
  }
  strip.addEventListener("keydown", key);
  strip.addEventListener("blur", leave);
  const all = () => { arrange(); draw(); };
  all();
  theme_listeners.push(draw);
  selection.listeners.push(soon(all));
  new ResizeObserver(soon(draw)).observe(host);
  return true;
}
