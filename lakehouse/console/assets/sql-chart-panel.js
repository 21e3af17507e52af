// The choices of a chart: its kind and its columns. Owns the fields; sql-chart.js draws.

import { KINDS, defaults, draw } from "console/sql-chart.js";
import { isNumber } from "console/sql-column-types.js";
import { element, inLine } from "console/sql-text.js";

export class ChartPanel {
  #host;
  #form;
  #rows = null;
  #chart = null;

  /** `chosen(chart)` is called when somebody chooses another kind or column. */
  constructor(host, form, chosen) {
    this.#host = host;
    this.#form = form;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", () => chosen(this.#read()));
    new ResizeObserver(() => this.#draw()).observe(host);
  }

  /** The chart to begin with. */
  suggested(rows) {
    return this.#chart ?? (rows?.columns ? defaults(rows.columns) : { kind: "line", x: "", y: [] });
  }

  /** Draw this chart of these rows. */
  show(rows, chart) {
    this.#rows = rows;
    this.#chart = chart;
    if (rows?.columns) this.#fill(rows.columns, chart);
    this.#draw();
  }

  #draw() {
    if (this.#rows?.columns && this.#host.clientWidth > 0) {
      document.getElementById("chart-note").textContent = draw(this.#host, this.#rows, this.#chart);
    }
  }

  #fill(columns, { kind, x, y }) {
    const { elements } = this.#form;
    elements.kind.replaceChildren(...KINDS.map((name) => option(name, name === kind)));
    elements.x.replaceChildren(...columns.map(({ name }) => option(name, name === x)));
    const numbers = columns.filter(({ name, type }) => isNumber(type) || y.includes(name));
    document.getElementById("chart-series").replaceChildren(
      element("legend", { textContent: "Y axis" }),
      ...numbers.map(({ name }) => element("label", {}, element("input", {
        type: "checkbox", name: "y", value: name, checked: y.includes(name),
      }), ` ${inLine(name, 60)}`)));
    if (numbers.length === 0) {
      document.getElementById("chart-series").append(element("p", { textContent: "No column has numbers." }));
    }
  }

  #read() {
    const { elements } = this.#form;
    const boxes = [...this.#form.querySelectorAll("input[name=y]:checked")];
    return { kind: elements.kind.value, x: elements.x.value, y: boxes.map(({ value }) => value) };
  }
}

function option(name, selected) {
  return element("option", { value: name, textContent: inLine(name, 60), selected });
}
