// A chart with its table. Plotly draws the chart. Its aria-label and the table give the same information to screen readers.

import { element, table } from "/assets/elements.js";

const DASHES = ["solid", "dash", "dot", "dashdot"];
const COLOURS = 6;
const lights = matchMedia("(prefers-color-scheme: dark)");
const charts = [];

lights.addEventListener("change", () => charts.forEach((chart) => chart.draw()));

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// The look of a series by its index: six colours that colour-blind people can distinguish, then the same colours with other dashes.
export function look(place) {
  return { colour: `series-${(place % COLOURS) + 1}`, dash: DASHES[Math.floor(place / COLOURS) % DASHES.length] };
}

// Plotly interprets some tags and patterns in names as markup, so these characters are escaped.
export function plain(text) {
  return text.replace(/[&<>%${}]/g, (character) => `&#${character.charCodeAt(0)};`);
}

export function legend(entries) {
  const swatch = ({ colour: name, dash }) => {
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const attributes = { x1: 0, x2: 22, y1: 5, y2: 5, "stroke-width": 2.5, "stroke-dasharray": { dash: "6 4", dot: "2 3", dashdot: "7 3 2 3" }[dash] ?? "none" };
    for (const [key, value] of Object.entries(attributes)) line.setAttribute(key, value);
    line.style.stroke = `var(--${name})`;
    for (const [key, value] of Object.entries({ width: 22, height: 10, "aria-hidden": "true" })) drawn.setAttribute(key, value);
    drawn.append(line);
    return drawn;
  };
  return element("ul", { class: "legend" }, ...entries.map((entry) => element("li", {}, swatch(entry), entry.name)));
}

// A vertical line at an epoch, with a label at its top.
function marked(layout, marks) {
  layout.shapes = marks.map(({ epoch, dash }) => ({
    type: "line", x0: epoch, x1: epoch, yref: "paper", y0: 0, y1: 1, layer: "below", line: { color: colour("mark"), width: 1.5, dash },
  }));
  layout.annotations = marks.map(({ epoch, word }, place) => ({
    x: epoch, yref: "paper", y: 1, yanchor: "bottom", yshift: 12 * place, xanchor: "center", showarrow: false, text: word,
    font: { color: colour("mark"), size: 11 },
  }));
}

export class Chart {
  constructor(title, about, { tall = false } = {}) {
    this.title = title;
    this.place = element("div", { class: tall ? "plot tall" : "plot", role: "img" });
    this.nothing = element("p", { class: "nothing", hidden: true });
    this.key = element("div");
    this.rows = element("div");
    this.behind = element("details", { toggle: () => this.tabulate() }, element("summary", {}, `Table of ${title.toLowerCase()}`), this.rows);
    this.figure = element(
      "figure", {}, element("figcaption", {}, element("h4", {}, title), element("p", {}, about)), this.key, this.nothing, this.place, this.behind,
    );
    this.shown = null;
    charts.push(this);
  }

  // `shown`: { traces(), axes: {x, y}, label, table, marks, key, nothing }; the text `nothing` replaces the chart.
  show(shown) {
    this.shown = shown;
    this.nothing.hidden = !shown.nothing;
    this.nothing.textContent = shown.nothing ?? "";
    this.place.hidden = this.behind.hidden = Boolean(shown.nothing);
    this.key.replaceChildren(...(shown.key && !shown.nothing ? [legend(shown.key)] : []));
    this.draw();
    this.tabulate();
  }

  draw() {
    const shown = this.shown;
    if (!shown || shown.nothing) return;
    this.place.setAttribute("aria-label", `${this.title}. ${shown.label}`);
    const axis = (title, more) => ({
      title: { text: title, font: { size: 12 }, standoff: 8 }, gridcolor: colour("grid"), zeroline: false, linecolor: colour("rule"), automargin: true,
      tickfont: { size: 11 }, fixedrange: true, ...more,
    });
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { t: 30, r: 12, b: 36, l: 48 }, showlegend: false, dragmode: false,
      font: { color: colour("soft"), family: "system-ui, sans-serif", size: 12 },
      hoverlabel: { bgcolor: colour("card"), bordercolor: colour("rule"), font: { color: colour("ink"), size: 12 }, align: "left" },
      hovermode: "x unified", xaxis: axis(shown.axes.x, { showgrid: false, ...shown.xaxis }),
      yaxis: axis(shown.axes.y, { rangemode: "tozero", ...shown.yaxis }), ...shown.layout,
    };
    marked(layout, shown.marks ?? []);
    Plotly.react(this.place, shown.traces(), layout, { responsive: true, displayModeBar: false, displaylogo: false });
  }

  tabulate() {
    // Only an open table is updated, since a table of hundreds of epochs is slow to build.
    if (!this.behind.open || !this.shown?.table) return;
    const scrolled = this.rows.firstElementChild?.scrollTop ?? 0;
    this.rows.replaceChildren(table(this.title, this.shown.table()));
    this.rows.firstElementChild.scrollTop = scrolled;
  }
}
