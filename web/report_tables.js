
// Tables and the selected trial's panel.

const badge = (state) => el("span", {class: "badge"}, el("i", {class: "swatch", color: `var(--${STATES.includes(state) ? state : "waiting"})`}), state);

/** Columns: {title, hint, text: left-aligned, get(trial): what sorts, show(trial): what is written}. */
const measure_column = (name) => ({title: name, hint: measures.get(name), get: (t) => value(t, name),
                                   show: (t) => quantity(name, t.measures[name])});
const parameter_column = (p, some) => {
  const numeric = some.every((t) => !(p.name in t.config) || typeof t.config[p.name] === "number");
  return {title: p.name, text: !numeric, get: (t) => (numeric ? num(t.config[p.name]) : words(t.config[p.name])),
          show: (t) => setting(t.config[p.name])};
};

const collator = new Intl.Collator("en", {numeric: true});
const compare = (a, b) => (a === b ? 0 : typeof a === "string" ? collator.compare(a, b) : a - b);

/** What lacks a value comes last, up or down. */
function sorted_by(some, column, up) {
  const lacks = (v) => v === "" || Number.isNaN(v);
  return some.map((t) => [column.get(t), t]).sort(([a, t], [b, u]) => {
    if (lacks(a) || lacks(b)) return lacks(a) - lacks(b) || t.id - u.id;
    return (up ? 1 : -1) * compare(a, b) || t.id - u.id;
  }).map(([, t]) => t);
}

const pen = document.createElement("canvas").getContext("2d");
function text_width(text) {
  pen.font = `13px ${getComputedStyle(document.body).fontFamily}`;
  return pen.measureText(text).width;
}

const kRow = 32;  // pixels; report.css gives rows this height

/** Puts `wanted` in place of a node's children. Those that stay are not touched: one moved would lose the focus. */
function settle_children(host, wanted) {
  const stay = new Set(wanted);
  for (const child of [...host.children]) if (!stay.has(child)) child.remove();
  let at = host.firstChild;
  for (const node of wanted) {
    if (node === at) at = at.nextSibling;
    else host.insertBefore(node, at);
  }
}

/**
 * A table of trials in a box of its own: sortable by its headers, and only the rows in sight exist, so that
 * 20,000 are as quick as 20. To the Tab key its rows are one stop, in which arrows, PageUp, PageDown, Home and
 * End move; the row that has it always exists, or scrolling would take the focus away. Returns {set(trials)}.
 */
function trial_table(host, columns, caption, some, windowed) {
  const state = {rows: some, column: null, up: true, shown: some, at: 0};  // at: the row that Tab reaches
  const made = new Map();  // the rows that exist, by trial
  const width = (c) => {
    // The widest of a sample of texts: fixed widths keep columns still while rows come and go.
    const every = Math.max(1, Math.floor(some.length / 400));
    let wide = text_width(`${c.title} ↓`) * 1.06 + 8;
    for (let k = 0; k < some.length; k += every) wide = Math.max(wide, text_width(c.show(some[k])));
    return Math.min(c.wide || 220, Math.max(wide, c.narrow || 0)) + 30;
  };
  const widths = columns.map(width), body = el("tbody");
  const heads = columns.map((c) => el("th", {scope: "col", class: c.text ? "text" : null},
      el("button", {type: "button", title: c.hint || `Sort by ${c.title}`, click: () => sort(c)}, c.title)));
  const table = el("table", {class: "fixed", "aria-rowcount": some.length + 1}, el("caption", {class: "skip"}, caption),
                   el("colgroup", {}, ...widths.map((w) => el("col", {style: null, width: Math.round(w)}))),
                   el("thead", {}, el("tr", {"aria-rowindex": 1}, ...heads)), body);
  table.style.width = `${Math.round(widths.reduce((a, b) => a + b, 0))}px`;
  const box = scroller(caption, table);
  box.classList.toggle("window", windowed);
  host.replaceChildren(box);

  function row(t, index) {
    if (made.has(t.id)) return made.get(t.id);
    const tr = el("tr", {"aria-rowindex": index + 2, click: () => select(t)});
    columns.forEach((c, k) => {
      const text = c.show(t), td = el("td", {class: c.text ? "text" : null, title: text.length > 24 ? text : null});
      if (k === 0) td.append(el("button", {type: "button", tabindex: -1, "aria-label": `Select trial ${t.id}`, focus: () => hold(index)}, text),
                             on_front.has(t.id) ? el("span", {class: "star", title: single ? "the best" : "on the front"}, "◆") : "");
      else if (c.node) td.append(c.node(t));
      else td.textContent = text;
      tr.append(td);
    });
    made.set(t.id, tr);
    return tr;
  }
  const space = (rows) => {
    const td = el("td", {colspan: columns.length});
    td.style.height = `${rows * kRow}px`;
    return el("tr", {class: "space", "aria-hidden": "true"}, td);
  };
  const button_of = (t) => made.get(t.id).querySelector("button");
  /** Which rows are marked, and which one Tab reaches. */
  function mark() {
    const at = state.shown[state.at];
    for (const [id, tr] of made) {
      tr.classList.toggle("chosen", id === selection.id);
      const button = tr.querySelector("button");
      button.tabIndex = at && id === at.id ? 0 : -1;
      if (id === selection.id) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }
  function hold(index) {
    if (index === state.at) return;
    state.at = index;
    mark();
  }
  let drawn = "";
  function render() {
    const total = state.shown.length, sight = windowed ? Math.ceil((box.clientHeight || 560) / kRow) : total;
    const from = windowed ? Math.max(0, Math.min(Math.floor(box.scrollTop / kRow) - 12, total - 1)) : 0;
    const to = Math.min(total, from + sight + 24), key = `${from}-${to}-${state.at}`;
    if (key === drawn) return;
    drawn = key;
    const indices = Array.from({length: to - from}, (_, k) => from + k);
    if (state.at < from) indices.unshift(state.at);
    if (state.at >= to && state.at < total) indices.push(state.at);
    const wanted = [], stay = new Set();
    let next = 0;
    for (const index of indices) {
      if (index > next) wanted.push(space(index - next));
      wanted.push(row(state.shown[index], index));
      stay.add(state.shown[index].id);
      next = index + 1;
    }
    if (next < total) wanted.push(space(total - next));
    if (!total) wanted.push(el("tr", {class: "space"}, el("td", {colspan: columns.length}, el("p", {class: "empty"}, "No trials to show."))));
    settle_children(body, wanted);
    for (const id of [...made.keys()]) if (!stay.has(id)) made.delete(id);
    mark();
  }
  function step(event) {
    const page = Math.max(1, Math.floor((box.clientHeight || 560) / kRow) - 2), last = state.shown.length - 1;
    const to = {ArrowDown: state.at + 1, ArrowUp: state.at - 1, PageDown: state.at + page, PageUp: state.at - page, Home: 0, End: last}[event.key];
    if (to === undefined || last < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    state.at = Math.min(last, Math.max(0, to));
    render();
    button_of(state.shown[state.at]).focus({preventScroll: true});
    // The row, not its button: that one would scroll the table back to its first column.
    made.get(state.shown[state.at].id).scrollIntoView({block: "nearest", inline: "nearest", behavior: "instant"});
  }
  function sort(column) {
    state.up = state.column === column ? !state.up : true;
    state.column = column;
    heads.forEach((th, k) => {
      if (columns[k] === column) th.setAttribute("aria-sort", state.up ? "ascending" : "descending");
      else th.removeAttribute("aria-sort");
      th.firstChild.textContent = columns[k].title + (columns[k] === column ? (state.up ? " ↑" : " ↓") : "");
    });
    set(state.rows);
  }
  function set(rows) {
    state.rows = rows;
    state.shown = state.column ? sorted_by(rows, state.column, state.up) : rows;
    table.setAttribute("aria-rowcount", rows.length + 1);
    const focused = body.contains(document.activeElement);
    box.scrollTop = 0;
    state.at = 0;
    drawn = "";
    made.clear();
    render();
    if (focused && rows.length) button_of(state.shown[0]).focus({preventScroll: true});
  }
  body.addEventListener("keydown", step);
  if (windowed) box.addEventListener("scroll", soon(render));
  selection.listeners.push(() => {
    // A trial selected elsewhere is brought into sight within the table; the page itself stays where it is.
    const index = state.shown.findIndex((t) => t.id === selection.id), at = index * kRow;
    if (index >= 0) state.at = index;
    if (windowed && index >= 0 && (at < box.scrollTop || at > box.scrollTop + box.clientHeight - 3 * kRow))
      box.scrollTop = Math.max(0, at - box.clientHeight / 2);
    render();
    mark();
  });
  set(some);
  return {set};
}

const kMostColumns = 60;  // of parameters; the others are in a trial's details
const id_column = {title: "trial", narrow: 66, get: (t) => t.id, show: (t) => String(t.id)};

function front_table() {
  if (!front.length) return;
  const columns = [id_column, ...[...measures.keys()].filter((m) => front.some((t) => m in t.measures)).map(measure_column),
                   ...(front.length > 1 ? differing(front) : trials.length > 1 ? told_apart : parameters.filter((p) => p.name in front[0].config)).map((p) => parameter_column(p, front))];
  trial_table($("front-table"), columns, single ? "The best trial" : "The front: configs and measures", front, front.length > 40);
}

function trials_table() {
  if (!trials.length) {
    $("trials-table").replaceChildren(el("p", {class: "empty panel"}, "No trials yet."));
    return;
  }
  const text = (title, get, wide) => ({title, text: true, get, show: get, wide});
  const all = [id_column, {...text("state", (t) => t.state), narrow: 100, node: (t) => badge(t.state)},
      {title: unit || "fidelity", get: (t) => t.fidelity || NaN, show: (t) => (t.fidelity ? String(t.fidelity) : "–")},
      ...[...measures.keys()].map(measure_column), ...(trials.length > 1 ? told_apart : parameters.filter((p) => p.name in trials[0].config)).slice(0, kMostColumns).map((p) => parameter_column(p, trials)),
      text("origin", (t) => words(t.origin)), text("cause", (t) => words(t.cause)),
      {title: "attempts", get: (t) => num(t.attempts), show: (t) => words(t.attempts)},
      {title: "spent", hint: "seconds under a worker", get: (t) => num(t.spent_s), show: (t) => (num(t.spent_s) > 0 ? duration(num(t.spent_s)) : "–")},
      {title: "same as", hint: "the trial whose result was reused", get: (t) => (t.same_as >= 0 ? t.same_as : NaN), show: (t) => (t.same_as >= 0 ? String(t.same_as) : "–")},
      text("worker", (t) => words(t.worker)), text("reason", (t) => words(t.reason), 480)];
  const optional = new Set(["origin", "cause", "reason", "same as", "worker"]);  // left out where no trial has any
  const columns = all.filter((c) => !optional.has(c.title) || trials.some((t) => words(c.get(t)) !== "" && !Number.isNaN(c.get(t))));
  const table = trial_table($("trials-table"), columns, "All trials", trials, trials.length > 12);

  const hidden = new Set(), sought = {text: ""};
  let shown = "";
  const note = () => $("trials-note").replaceChildren(shown, ...(selection.id === null ? [] :
      [". ", el("a", {href: "#trial-detail"}, `Trial ${selection.id}`), " is selected: everything about it stands below the table."]));
  selection.listeners.push(note);
  const lowered = new Map();
  const haystack = (t) => {
    if (!lowered.has(t))
      lowered.set(t, [t.id, t.state, t.reason, t.worker, on_front.has(t.id) ? "front" : "",
                      ...Object.entries(t.config).map(([k, v]) => `${k}=${setting(v)}`)].join(" ").toLowerCase());
    return lowered.get(t);
  };
  const comparable = [...measures.keys(), ...parameters.map((p) => p.name), "trial"];
  const known_as = (name) => comparable.find((n) => n.toLowerCase() === name);
  /** The words of a filter; "lr < 0.01" and "mixer = attention" are one each, with blanks or without. */
  const words_of = (text) => text.toLowerCase().replace(/([^\s<>=]+)\s*(<=|>=|<|>|=)\s*(?=\S)/g, (all, name, sign) => (known_as(name) ? name + sign : all))
                                 .split(/\s+/).filter(Boolean);
  /** "lr<0.01", "latency_s>=0.001": a comparison with a measure or parameter; else a piece of text. */
  function test(part) {
    const [, name, sign, limit] = /^([^<>=]+)(<=|>=|<|>)([-+0-9.e]+)$/.exec(part) || [];
    const known = known_as(name);
    if (!known || !Number.isFinite(Number(limit))) return (t) => haystack(t).includes(part);
    const of = (t) => (known === "trial" ? t.id : known in t.measures ? num(t.measures[known]) : num(t.config[known])), against = Number(limit);
    return {"<": (t) => of(t) < against, "<=": (t) => of(t) <= against, ">": (t) => of(t) > against, ">=": (t) => of(t) >= against}[sign];
  }
  function apply() {
    const tests = words_of(sought.text).map(test);
    const left = trials.filter((t) => !hidden.has(t.state) && tests.every((fits) => fits(t)));
    shown = left.length === trials.length ? count(trials.length, "trial")
            : `${left.length.toLocaleString("en-US")} of ${count(trials.length, "trial")}`;
    if (total_trials > trials.length) shown += `; the study has ${total_trials.toLocaleString("en-US")}`;
    note();
    table.set(left);
  }
  let timer = 0;
  const search = el("input", {type: "search", placeholder: "failed mixer=attention latency_s<0.001", input: () => {
    sought.text = search.value;
    clearTimeout(timer);
    timer = setTimeout(apply, 120);
  }});
  const states = [...new Set(trials.map((t) => t.state))].sort((a, b) => STATES.indexOf(a) - STATES.indexOf(b));
  const chips = states.map((s) => {
    const n = trials.filter((t) => t.state === s).length;
    const chip = el("button", {type: "button", class: "chip", "aria-pressed": "true", click: () => {
      if (!hidden.delete(s)) hidden.add(s);
      chip.setAttribute("aria-pressed", String(!hidden.has(s)));
      apply();
    }}, badge(s), `\u00a0${n.toLocaleString("en-US")}`);
    return chip;
  });
  $("trials-controls").replaceChildren(el("label", {class: "search"}, "Filter", search),
      el("div", {class: "chips", role: "group", "aria-label": "States shown"}, ...chips));
  apply();
}

function failures_table() {
  const groups = list(data.failures);
  if (!groups.length) return;
  const total = groups.reduce((sum, f) => sum + (num(f.count) || 0), 0);
  $("failures").hidden = false;
  $("failures-note").textContent = `${count(total, "trial")} of ${total_trials.toLocaleString("en-US")}; alike reasons, which differ in numbers alone, are counted together under the first of them.`;
  const rows = groups.flatMap((g) => [
    el("tr", {class: "group"}, el("td", {class: "text"}, badge(g.state), g.cause ? ` ${g.cause}` : ""), el("td", {}, num(g.count).toLocaleString("en-US")),
       el("td", {}, `${plain(Math.round(100 * num(g.count) / total))} %`), el("td", {class: "text"}, num(g.kinds) > list(g.reasons).length ? `the ${list(g.reasons).length} most frequent of ${g.kinds} reasons` : "")),
    ...list(g.reasons).map((r) => el("tr", {}, el("td", {class: "text reason"}, words(r.example) || words(r.reason) || "no reason given"),
        el("td", {}, num(r.count).toLocaleString("en-US")), el("td", {}, ""), el("td", {class: "text"}, ...list(r.trials).map((id) => trial_link(id))))),
  ]);
  $("failures-table").replaceChildren(scroller("Failures by cause", el("table", {class: "plain"},
      el("thead", {}, el("tr", {}, ...["what went wrong", "trials", "share", "for example"].map((h, k) => el("th", {scope: "col", class: k === 0 || k === 3 ? "text" : null}, el("span", {}, h))))),
      el("tbody", {}, ...rows))));
}

function saved_table() {
  const saved = data.saved || {}, why = list(saved.why);
  if (!why.length) return false;
  const total = why.reduce((sum, w) => sum + (num(w.count) || 0), 0), ran = Math.max(0, total_trials - why.filter((w) => w.kind !== "same config").reduce((sum, w) => sum + num(w.count), 0));
  $("saved-note").textContent = `${count(total, "evaluation")} not needed beside ${ran.toLocaleString("en-US")} that were run` +
      `${num(saved.fidelity) > 0 ? `; reused results spared ${num(saved.fidelity).toLocaleString("en-US")} ${unit}` : ""}` +
      `${num(saved.evaluation_s) > 0 ? ` and ${quantity("_s", num(saved.evaluation_s))} of evaluating` : ""}` +
      `${num(saved.probes) > 0 ? `; computing ${count(num(saved.probes), "functional key")} took ${quantity("_s", num(saved.probe_s))}` : ""}.` +
      `${words(saved.advice) ? ` Beware: ${words(saved.advice)}.` : ""}`;
  const row = (w) => {
    const bar = el("div", {class: "share"}, el("i", {class: "alone"}));
    bar.children[0].style.width = `${100 * num(w.count) / total}%`;
    return el("tr", {}, el("th", {scope: "row"}, words(w.kind)), el("td", {class: "wide-bar", "aria-hidden": "true"}, bar), el("td", {}, num(w.count).toLocaleString("en-US")), el("td", {class: "text quiet"}, words(w.reason)));
  };
  $("saved-table").replaceChildren(el("div", {class: "panel bars-box"}, el("table", {class: "bars"}, el("caption", {class: "skip"}, "Saved evaluations by kind"), el("tbody", {}, ...why.map(row)))));
  return true;
}

/** A curve in a corner: [[x, y]] as a small picture. */
function spark(points, label) {
  const good = points.map(([x, y]) => [num(x), num(y)]).filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (good.length < 2) return null;
  const [x0, x1] = [least(good.map((p) => p[0])), most(good.map((p) => p[0]))], [y0, y1] = [least(good.map((p) => p[1])), most(good.map((p) => p[1]))];
  const canvas = el("canvas", {role: "img", "aria-label": label, class: "spark", width: 560, height: 120}), ctx = canvas.getContext("2d");
  ctx.strokeStyle = css("top");
  ctx.lineWidth = 3;
  ctx.beginPath();
  good.forEach(([x, y], k) => ctx[k ? "lineTo" : "moveTo"](6 + 548 * (x - x0) / (x1 - x0 || 1), 112 - 104 * (y / 2 - y0 / 2) / (y1 / 2 - y0 / 2 || 1)));
  ctx.stroke();
  return el("div", {}, canvas, el("div", {class: "quiet ends"}, el("span", {}, `${plain(x0)}`), el("span", {}, `${plain(good[0][1], 3)} → ${plain(good[good.length - 1][1], 3)}`), el("span", {}, `${plain(x1)} ${unit}`)));
}

/** At most kMostRungs of a trial's results, evenly chosen, first and last among them. */
const kMostRungs = 8;
const few_of = (results) => (results.length <= kMostRungs ? results
    : Array.from({length: kMostRungs}, (_, k) => results[Math.round(k * (results.length - 1) / (kMostRungs - 1))]));

/** Everything about the selected trial, beside the front and below the table. */
function detail() {
  for (const host of document.querySelectorAll(".detail")) host.replaceChildren(...detail_nodes());
}

function detail_nodes() {
  const t = by_id.get(selection.id), pairs = (rows) => el("dl", {}, ...rows.flatMap(([k, v]) => [el("dt", {}, k), el("dd", {}, v)]));
  if (!t) return [el("p", {class: "empty"}, trials.length ? "Select a dot or a row to see its trial." : "No trials yet.")];
  const facts = [["state", t.cause ? `${t.state}, ${t.cause}` : t.state]];
  if (num(t.evaluations) > 1) facts.push(["evaluations", `${t.evaluations}: the measures are ${data.posterior ? "posterior means over them" : "of all together"}`]);
  if (t.fidelity) facts.push([unit || "fidelity", String(t.fidelity)]);
  if (t.reason) facts.push(["reason", words(t.reason)]);
  if (t.same_as >= 0) facts.push(["same as", by_id.has(t.same_as) ? trial_link(t.same_as) : `trial ${t.same_as}`]);
  if (t.replicate > 0) facts.push(["replicate", `${t.replicate} of trial ${t.of}`]);
  if (t.origin) facts.push(["proposed by", words(t.origin)]);
  if (t.attempts) facts.push(["attempts", `${t.attempts}${t.lost ? `, ${t.lost} lost` : ""}`]);
  if (num(t.spent_s) > 0) facts.push(["spent", duration(num(t.spent_s))]);
  if (ended_s(t) > 0) facts.push(["finished", `${duration(ended_s(t))} after the start`]);
  if (t.worker) facts.push(["worker", words(t.worker)]);
  for (const k of ["key", "structural", "functional"]) if (t[k]) facts.push([`${k === "key" ? "config" : k} key`, el("code", {}, `${t[k]}…`)]);
  const config = Object.entries(t.config), seen = Object.entries(t.measures), own = Object.entries(t.alone);
  const rung_names = t.results.length > 1 ? objectives.map((o) => o.name).filter((n) => t.results.some((r) => n in r.measures)) : [];
  return [
      el("h3", {}, `Trial ${t.id} `, on_front.has(t.id) ? el("span", {class: "star"}, single ? "◆ best" : "◆ front") : ""),
      ...(seen.length ? [el("h4", {}, "Measures"), pairs(seen.map(([k, v]) => [k, quantity(k, v)]))] : []),
      ...(own.length ? [el("h4", {}, "This evaluation alone"), pairs(own.map(([k, v]) => [k, quantity(k, v)]))] : []),
      ...(rung_names.length ? [el("h4", {}, t.results.length > kMostRungs ? `${kMostRungs} of ${t.results.length} results` : "Results"), el("table", {class: "rungs"}, el("thead", {}, el("tr", {}, el("th", {scope: "col"}, unit || "fidelity"), ...rung_names.map((n) => el("th", {scope: "col"}, n)))),
          el("tbody", {}, ...few_of(t.results).map((r) => el("tr", {}, el("td", {}, String(r.fidelity)), ...rung_names.map((n) => el("td", {}, quantity(n, r.measures[n]))))))) ] : []),
      ...(t.curve.length > 1 ? [el("h4", {}, "Training loss"), spark(t.curve, `Training loss of trial ${t.id}`)] : []),
      ...(config.length ? [el("h4", {}, "Config"), pairs(config.map(([k, v]) => [k, setting(v)]))] : []),
      el("h4", {}, "Run"), pairs(facts)];
}
