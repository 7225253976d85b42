// What pages of plots begin with: their data, elements, colours.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
let problems = 0;
addEventListener("error", (event) => {
  document.documentElement.dataset.errors = ++problems;
  $("problem").textContent = `Part of this page could not be drawn: ${event.message}`;
  $("problem").hidden = false;
});

/** An element with attributes and children; texts are text, never markup. */
function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}
function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}
function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A box that scrolls, by the keyboard too. */
const scroller = (label, ...children) => el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": label}, ...children);

// Okabe and Ito's colours, of which those that would be too pale on white are darker; then the same dashed. Each
// stands 3:1 against the ground in light and in dark mode.
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b37c00", "#3595cf", "#8c6d31", "#7f7f7f"];
