// Pages of plots: hone identity, hone bench identity.

const shown = (v) => {
  const size = Math.abs(v);
  return size === 0 ? "0" : size >= 1e6 || size < 1e-3 ? v.toExponential(0) : String(Number(v.toPrecision(4)));
};

/** About five round numbers from low to high, or the powers of ten between. */
function ticks(low, high, log) {
  const found = [];
  if (log) {
    for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); ++e)
      for (const m of high / low < 30 ? [1, 2, 5] : [1]) {
        const v = Number(`${m}e${e}`);
        if (v >= low * 0.999 && v <= high * 1.001) found.push(v);
      }
    return found;
  }
  const rough = (high - low) / 5 || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) found.push(Number(v.toPrecision(12)));
  return found;
}

function draw(host, plot) {
  const width = Math.max(300, host.clientWidth || 500), height = 260, left = 58, right = 12, top = 8, bottom = 38;
  const all = plot.lines.flatMap((l) => l.points).filter(([x, y]) => (!plot.log_x || x > 0) && (!plot.log_y || y > 0));
  if (!all.length) {
    host.replaceChildren(el("p", {class: "empty"}, "Nothing to draw."));
    return;
  }
  const range = (values, log) => {
    let low = Math.min(...values), high = Math.max(...values);
    if (low === high) [low, high] = log ? [low / 2, high * 2] : [low && low - Math.abs(low) * 0.05, high ? high + Math.abs(high) * 0.05 : 1];  // shares and counts do not fall below 0
    const room = log ? 0 : (high - low) * 0.04;
    return [low - (low >= 0 && low - room < 0 ? low : room), high + room];
  };
  const [x0, x1] = range(all.map((p) => p[0]), plot.log_x), [y0, y1] = range(all.map((p) => p[1]), plot.log_y);
  const along = (v, low, high, log) => (log ? Math.log(v / low) / Math.log(high / low) : (v - low) / (high - low));
  const x = (v) => left + (width - left - right) * along(v, x0, x1, plot.log_x);
  const y = (v) => height - bottom - (height - top - bottom) * along(v, y0, y1, plot.log_y);
  const picture = svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${plot.title}: ${plot.y} by ${plot.x}`});
  for (const t of ticks(y0, y1, plot.log_y))
    picture.append(svg("line", {class: "grid-line", x1: left, x2: width - right, y1: y(t), y2: y(t)}),
                   svg("text", {x: left - 6, y: y(t) + 4, "text-anchor": "end"}, shown(t)));
  for (const t of ticks(x0, x1, plot.log_x))
    picture.append(svg("line", {class: "grid-line", y1: top, y2: height - bottom, x1: x(t), x2: x(t)}),
                   svg("text", {x: x(t), y: height - bottom + 16, "text-anchor": "middle"}, shown(t)));
  picture.append(svg("line", {class: "axis-line", x1: left, x2: width - right, y1: height - bottom, y2: height - bottom}),
                 svg("text", {x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle"}, plot.x));
  plot.lines.forEach((line, i) => {
    const points = line.points.filter((p) => all.includes(p));
    if (!points.length) return;
    const colour = COLOURS[i % COLOURS.length], dash = i < COLOURS.length ? "none" : "5 3";
    picture.append(svg("path", {d: "M" + points.map((p) => `${x(p[0])},${y(p[1])}`).join("L"), stroke: colour, "stroke-dasharray": dash}, svg("title", {}, line.name)));
    if (points.length <= 30)
      for (const p of points) picture.append(svg("circle", {cx: x(p[0]), cy: y(p[1]), r: 2.6, fill: colour}, svg("title", {}, `${line.name}: ${shown(p[0])}, ${shown(p[1])}`)));
  });
  host.replaceChildren(picture);
}

const redraw = [];
function panel(plot) {
  const host = el("div", {class: "curve"}), legend = el("div", {class: "legend"});
  plot.lines.forEach((line, i) => {
    const swatch = el("i", {class: "swatch line"});
    swatch.style.color = COLOURS[i % COLOURS.length];
    if (i >= COLOURS.length) swatch.style.borderTopStyle = "dashed";
    legend.append(el("span", {}, swatch, line.name));
  });
  redraw.push(() => draw(host, plot));
  return el("div", {class: "panel"}, el("h3", {}, plot.title), el("p", {class: "quiet"}, plot.y), host, plot.lines.length > 1 ? legend : null);
}

function table_of(table, section) {
  const text = (cell) => !/^[-+]?[\d.]/.test(cell) && cell !== "";
  const words = table.columns.map((_, i) => table.rows.some((row) => text(row[i] || "")));
  const head = el("tr", {}, ...table.columns.map((name, i) => el("th", words[i] ? {class: "text"} : {}, el("span", {}, name))));
  const body = table.rows.map((row) => el("tr", {}, ...row.map((cell, i) => el("td", words[i] ? {class: "text"} : {}, cell))));
  return [table.title ? el("h3", {class: "above"}, table.title) : null,
          scroller(table.title || section, el("table", {class: "plain"}, el("thead", {}, head), el("tbody", {}, ...body)))];
}

$("lead").textContent = data.lead;
data.sections.forEach((section, i) => {
  $("toc").append(el("a", {href: `#section-${i}`}, section.title));
  $("sections").append(el("section", {"aria-labelledby": `section-${i}`}, el("h2", {id: `section-${i}`}, section.title),
                          section.note ? el("p", {class: "quiet"}, section.note) : null,
                          section.plots.length ? el("div", {class: "pair"}, ...section.plots.map(panel)) : null,
                          ...section.tables.filter((t) => t.rows.length).flatMap((t) => table_of(t, section.title))));
});
$("foot").textContent = `Written by hone ${data.hone}. Everything is in this one file; it loads nothing.`;
redraw.forEach((again) => again());
let resized = 0;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => redraw.forEach((again) => again()), 100);
});
