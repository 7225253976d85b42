
// A plot: Chart.js draws axes and lines; dots are drawn here straight onto its canvas, and hovering is a
// search over cached pixels with the marks as elements above it, so that 20,000 dots are never redrawn for a
// pointer's move.

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Round steps: 1, 2, 5 times a power of ten; of a clock: seconds, minutes, hours. */
function linear_ticks(low, high, wanted, clock) {
  if (!(high > low)) return [low];
  const rough = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(rough));
  let step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  if (clock && high >= 100)
    step = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].find((s) => s >= rough) ||
           86400 * Math.ceil(rough / 86400);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; ++k) ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

function log_ticks(low, high, wanted) {
  const decades = Math.log10(high) - Math.log10(low);  // high / low can be beyond all numbers
  if (decades < 0.7) return linear_ticks(low, high, wanted).filter((v) => v > 0);
  const mantissas = decades <= wanted / 3 + 0.2 ? [1, 2, 5] : [1], ticks = [];
  const every = Math.max(1, Math.ceil(decades / wanted));
  for (let e = Math.floor(Math.log10(low) / every) * every; e <= Math.ceil(Math.log10(high)); e += every)
    for (const m of mantissas) {
      const v = Number(`${m}e${e}`);
      if (Number.isFinite(v) && v >= low * 0.9999 && v <= high * 1.0001) ticks.push(v);
    }
  return ticks.length ? ticks : [low, high];
}

/** Tick texts: one unit and as many decimals as they need on a linear axis, each its own on a log one. */
function tick_text(axis, ticks) {
  if (axis.names) return (v) => axis.names[v] ?? "";
  if (axis.clock) return duration;
  if (axis.log) return (v) => quantity(axis.name, v).replace(/(\.\d*?)0+( |$)/, "$1$2").replace(/\.( |$)/, "$1");
  const [scale, suffix] = unit_of(axis.name, most(ticks.map(Math.abs)));
  const size = most(ticks.map((v) => Math.abs(v / scale)));
  if (size && (size < 1e-3 || size >= 1e7)) return (v) => plain(v / scale) + suffix;
  let decimals = 0;
  while (decimals < 6 && ticks.some((v) => Math.abs(v / scale - Number((v / scale).toFixed(decimals))) > 1e-9 * size)) ++decimals;
  return (v) => (v / scale).toFixed(decimals) + suffix;
}

const spans_decades = (values) => {
  const finite = values.filter(Number.isFinite), low = least(finite);
  return low > 0 && most(finite) / low > 10;
};

// Ends of a linear axis, between which differences are still numbers.
const kFarthest = Number.MAX_VALUE / 4;
// ... of a logarithmic one, between which Chart.js's own ticks end: powers of ten below have lost their digits.
const kSmallest = 1e-306, kLargest = 1e307;

/** The axis with its ends: a little more than the values span, or than its own `range` says. `from_zero` keeps zero as the lower end. */
function fitted(axis, values) {
  const good = axis.range || values.filter((v) => Number.isFinite(v) && (!axis.log || v > 0));
  let low = least(good), high = most(good);
  if (!good.length) [low, high] = axis.log ? [1, 10] : [0, 1];
  if (axis.names) return {...axis, low: -0.5, high: axis.names.length - 0.5};
  if (axis.log) {
    const [from, to] = [Math.log10(low), Math.log10(high)], pad = Math.max((to - from) * 0.05, 0.0128);
    return {...axis, low: Math.max(10 ** (from - pad), kSmallest), high: Math.min(10 ** (to + pad), kLargest)};
  }
  [low, high] = [Math.max(low, -kFarthest), Math.min(high, kFarthest)];
  const pad = (high - low) * 0.05 || Math.abs(high) * 0.1 || 1;
  return {...axis, low: axis.from_zero ? Math.min(0, low) : low - pad, high: high + pad};
}

class Plot {
  /** `label`: what a screen reader says. */
  constructor(host, label) {
    this.host = host;
    this.label = label;
    this.small = host.classList.contains("small");
    this.ring = el("div", {class: "ring", hidden: true});
    this.hover = el("div", {class: "ring hover", hidden: true});
    this.spec = null;
    host.tabIndex = 0;
    host.setAttribute("role", "group");
    host.setAttribute("aria-label", `${label}; arrow keys step through its points, Enter selects one`);
    host.addEventListener("pointermove", (event) => this.point_at(event));
    host.addEventListener("pointerleave", () => this.leave());
    host.addEventListener("blur", () => this.leave());
    host.addEventListener("click", (event) => { this.point_at(event); this.pick(); });
    host.addEventListener("keydown", (event) => this.key(event));
    selection.listeners.push(() => this.mark());
  }

  /**
   * spec: x, y: axes {name, label, log, clock, names, from_zero, range, at: its ticks}; dots: [{points, color, radius, alpha, cross}];
   * lines: [{points, color, width, alpha, stepped}]; marginal: {points: [{x, y, low, high}], joined}, a mean with
   * its spread, a line or single values; tip(point): nodes; quiet: why nothing can be drawn.
   * A point is {x, y, trial}. Later dots lie above earlier ones.
   */
  draw(spec) {
    this.spec = spec;
    if (this.chart) this.chart.destroy();
    this.chart = null;
    this.px = null;
    this.leave();
    const fits = (p) => Number.isFinite(p.x) && Number.isFinite(p.y) && (!spec.x.log || p.x > 0) && (!spec.y.log || p.y > 0);
    const dots = (spec.dots || []).map((group) => ({...group, points: group.points.filter(fits), tone: css(group.color)}));
    const lines = (spec.lines || []).map((line) => ({...line, points: line.points.filter(fits)}));
    this.points = [...dots.flatMap((g) => g.points), ...lines.filter((l) => l.hover).flatMap((l) => l.points)];
    const marginal = spec.marginal ? {...spec.marginal, points: spec.marginal.points.filter((p) => fits(p) && Number.isFinite(p.low) && Number.isFinite(p.high))} : null;
    const every = [...this.points, ...lines.flatMap((l) => l.points), ...(marginal ? marginal.points : [])];
    this.host.classList.toggle("vacant", !every.length);
    if (!every.length) {
      this.points = [];
      this.host.replaceChildren(el("p", {class: "empty"}, spec.quiet || "Nothing to draw yet."));
      return;
    }
    const canvas = el("canvas", {role: "img", "aria-label": `${this.label}: ${spec.y.label} against ${spec.x.label}, ` +
                                                             `${this.points.length} points`});
    this.host.replaceChildren(canvas, this.ring, this.hover);
    const x = fitted(spec.x, every.map((p) => p.x)), y = fitted(spec.y, every.map((p) => p.y));
    const width = this.host.clientWidth || 600;
    this.chart = new Chart(canvas, {
      type: "scatter",
      data: {datasets: lines.map((line) => ({
        data: line.points, showLine: true, pointRadius: 0, stepped: line.stepped || false,
        borderColor: tinted(css(line.color), line.alpha ?? 1), borderWidth: line.width || 2, borderJoinStyle: "round",
      }))},
      options: {
        animation: false, parsing: false, normalized: true, events: [], maintainAspectRatio: false, responsive: true,
        layout: {padding: {top: 6, right: 10}},
        plugins: {legend: {display: false}, tooltip: {enabled: false}},
        scales: {x: this.scale("x", x, Math.max(3, Math.round(width / (this.small ? 75 : 110)))),
                 y: this.scale("y", y, this.small ? 4 : 6)},
      },
      plugins: [{beforeDatasetsDraw: (chart) => { paint(chart, dots); if (marginal) paint_marginal(chart, marginal); }, afterLayout: (chart) => this.settle(chart)}],
    });
    this.mark();
  }

  scale(along, axis, wanted) {
    const ticks = axis.names ? axis.names.map((_, k) => k)
                  : axis.at ? axis.at.filter((v) => v >= axis.low && v <= axis.high) : axis.log ? log_ticks(axis.low, axis.high, wanted) : linear_ticks(axis.low, axis.high, wanted, axis.clock);
    const text = tick_text(axis, ticks), room = (along === "x" ? this.host.clientWidth : this.host.clientHeight) - 90;
    const font = {family: getComputedStyle(document.body).fontFamily, size: this.small ? 10 : 11};
    return {
      type: axis.log ? "logarithmic" : "linear", min: axis.low, max: axis.high,
      title: {display: !axis.bare, text: axis.label.length * 6.3 > room ? axis.name || axis.label : axis.label, color: css("soft"), font: {...font, size: this.small ? 11 : 12}},
      grid: {color: css("grid"), borderColor: css("line"), tickColor: css("line"), tickLength: 4},
      ticks: {color: css("soft"), font, maxRotation: axis.names ? 40 : 0, autoSkip: !axis.names || axis.names.length > 12,
              autoSkipPadding: 8, callback: (v) => shortened(text(v))},
      afterBuildTicks: (scale) => { scale.ticks = ticks.map((v) => ({value: v})); },
    };
  }

  /** Where each point lies on the canvas, after every layout. */
  settle(chart) {
    const {x, y} = chart.scales;
    this.px = Float32Array.from(this.points, (p) => x.getPixelForValue(p.x));
    this.py = Float32Array.from(this.points, (p) => y.getPixelForValue(p.y));
    this.mark();
  }

  point_at(event) {
    if (!this.chart || !this.px) return;
    const box = this.host.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    let best = -1, near = 26 * 26;
    for (let k = 0; k < this.px.length; ++k) {
      const distance = (this.px[k] - x) ** 2 + (this.py[k] - y) ** 2;
      if (distance <= near) [best, near] = [k, distance];
    }
    if (best < 0) this.leave();
    else this.show(best);
  }

  show(index) {
    this.current = index;
    const [x, y] = [this.px[index], this.py[index]];
    put(this.hover, x, y, this.host);
    show_tip(this.host, x, y, this.spec.tip(this.points[index]));
  }

  leave() {
    this.current = -1;
    this.hover.hidden = true;
    $("tip").hidden = true;
  }

  pick() {
    const point = this.points && this.points[this.current];
    if (point && point.trial) select(point.trial);
  }

  key(event) {
    const step = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1}[event.key];
    if (event.key === "Enter") this.pick();
    else if (event.key === "Escape") this.leave();
    else if (step && this.chart && this.points.length) {
      event.preventDefault();
      // The front's points where the plot has some: twenty stops, not twenty thousand.
      const all = [...this.points.keys()], good = all.filter((k) => this.points[k].trial && on_front.has(this.points[k].trial.id));
      const order = (good.length ? good : all).sort((a, b) => this.px[a] - this.px[b] || a - b);
      const at = order.indexOf(this.current);
      this.show(order[at < 0 ? 0 : (at + step + order.length) % order.length]);
    }
  }

  /** The ring about the selected trial's last point here. */
  mark() {
    this.ring.hidden = true;
    if (!this.chart || !this.px || selection.id === null) return;
    for (let k = this.points.length - 1; k >= 0; --k)
      if (this.points[k].trial && this.points[k].trial.id === selection.id) return put(this.ring, this.px[k], this.py[k], this.host);
  }
}

/** A mark at a place of `host`; none outside of it, where it would widen the page. */
function put(mark, x, y, host) {
  mark.hidden = !(x >= 0 && y >= 0 && x <= host.clientWidth && y <= host.clientHeight);
  mark.style.left = `${x}px`;
  mark.style.top = `${y}px`;
}

/** The tip, beside a place of `host`. */
function show_tip(host, x, y, nodes) {
  const box = host.getBoundingClientRect(), tip = $("tip");
  tip.replaceChildren(...nodes);
  tip.hidden = false;
  const right = box.left + x + 16, wide = tip.offsetWidth;
  const left = right + wide < innerWidth - 8 ? right : Math.max(8, box.left + x - wide - 16);
  const above = Math.min(Math.max(8, box.top + y - 20), Math.max(8, innerHeight - tip.offsetHeight - 8));
  tip.style.left = `${left + scrollX}px`;
  tip.style.top = `${above + scrollY}px`;
}

/** In the middle: names that belong together often differ in their ends alone. */
const shortened = (text, most = 16) => (text.length > most ? `${text.slice(0, Math.ceil(most / 2) - 1)}…${text.slice(-Math.floor(most / 2))}` : text);

/** The opacity of marks: where they are few each is to be seen, where they are many how dense they lie. */
const kFewMarks = 300;
const veil = (alpha, n, few = kFewMarks) => (n < few ? 1 : alpha);

/** A "#rrggbb" colour with an opacity. */
function tinted(color, alpha) {
  return alpha >= 1 ? color : color + Math.round(alpha * 255).toString(16).padStart(2, "0");
}

function paint(chart, dots) {
  const {ctx, chartArea: area, scales: {x, y}} = chart;
  ctx.save();
  ctx.beginPath();
  ctx.rect(area.left - 6, area.top - 6, area.right - area.left + 12, area.bottom - area.top + 12);
  ctx.clip();
  for (const group of dots) {
    ctx.globalAlpha = group.alpha ?? 1;
    ctx.fillStyle = ctx.strokeStyle = group.tone;
    const r = group.radius || 3;
    if (group.points.length > 4000 && !group.cross) {
      paint_many(ctx, group, x, y, area, r);
      continue;
    }
    for (const p of group.points) {
      const px = x.getPixelForValue(p.x), py = y.getPixelForValue(p.y);
      ctx.beginPath();
      if (group.cross) {
        ctx.moveTo(px - r, py - r); ctx.lineTo(px + r, py + r);
        ctx.moveTo(px - r, py + r); ctx.lineTo(px + r, py - r);
        ctx.stroke();
      } else {
        ctx.arc(px, py, r, 0, 6.2832);
        ctx.fill();
      }
    }
  }
  ctx.restore();
}

/** Squares instead of circles, and at most three in one place: more would look the same. */
function paint_many(ctx, group, x, y, area, r) {
  const wide = Math.ceil(area.right - area.left) + 16, seen = new Uint8Array(wide * (Math.ceil(area.bottom - area.top) + 16));
  for (const p of group.points) {
    const px = x.getPixelForValue(p.x), py = y.getPixelForValue(p.y);
    const at = Math.round(py - area.top + 7) * wide + Math.round(px - area.left + 7);
    if (seen[at] >= 3) continue;
    ++seen[at];
    ctx.fillRect(px - r, py - r, 2 * r, 2 * r);
  }
}

function paint_marginal(chart, marginal) {
  const {ctx, scales: {x, y}} = chart;
  const at = marginal.points.map((p) => [x.getPixelForValue(p.x), y.getPixelForValue(p.y), ...[p.low, p.high].map((v) => y.getPixelForValue(y.type === "logarithmic" ? Math.max(v, y.min) : v))]);
  ctx.save();
  ctx.fillStyle = ctx.strokeStyle = css("ink");
  ctx.lineWidth = 2;
  if (marginal.joined) {
    ctx.globalAlpha = .16;
    ctx.beginPath();
    at.forEach(([px, , low], k) => (k ? ctx.lineTo(px, low) : ctx.moveTo(px, low)));
    [...at].reverse().forEach(([px, , , high]) => ctx.lineTo(px, high));
    ctx.fill();
    ctx.globalAlpha = .9;
    ctx.beginPath();
    at.forEach(([px, py], k) => (k ? ctx.lineTo(px, py) : ctx.moveTo(px, py)));
    ctx.stroke();
  } else {
    for (const [px, py, low, high] of at) {
      ctx.globalAlpha = .16;
      ctx.fillRect(px - 11, high, 22, low - high);
      ctx.globalAlpha = .9;
      ctx.fillRect(px - 11, py - 1, 22, 2);
    }
  }
  ctx.restore();
}
