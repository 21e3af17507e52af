// The grid: shows the rows and columns that are in sight, moves by keyboard, copies cells.
// Must never hold a row that is out of sight, nor an element for it.

import { isNumber } from "console/sql-column-types.js";
import { element, inLine } from "console/sql-text.js";

const ROW_PX = 28;
const LARGEST_PX = 15_000_000; // Firefox draws no element that is taller than about 17.8 million.
const SCROLL_BAR_PX = 16, BORDERS_PX = 2;
const SPARE_ROWS = 12;
const SHOWN_CHARACTERS = 300;
const count = new Intl.NumberFormat("en-US");
const NARROWEST_CH = 6, WIDEST_CH = 44, SAMPLE_ROWS = 60, SAMPLE_CELLS = 10_000;

export class Grid {
  #host;
  #rows = null;
  #lines = [];
  #edges = [0];
  #active = { row: -1, column: 0 };
  #cells = new Map();
  #frame = 0;
  #characterPx = 8;
  #size = { width: 0, height: 0, head: 0 };
  #onOpen;

  /** `onOpen(column, cell, row)` is called for a cell that is opened. */
  constructor(host, onOpen) {
    this.#host = host;
    this.#onOpen = onOpen;
    this.head = element("div", { className: "grid-head", role: "row", "aria-rowindex": "1" });
    this.body = element("div", { className: "grid-body", role: "rowgroup" });
    this.canvas = element("div", { className: "grid-canvas", role: "presentation" }, this.head, this.body);
    host.replaceChildren(this.canvas);
    host.setAttribute("role", "grid");
    host.tabIndex = 0;
    host.addEventListener("scroll", () => this.refresh(), { passive: true });
    host.addEventListener("keydown", (event) => this.#key(event));
    host.addEventListener("pointerdown", (event) => this.#point(event));
    host.addEventListener("dblclick", () => this.#open());
    host.addEventListener("copy", (event) => this.#copy(event));
    new ResizeObserver(() => {
      this.#size = { width: host.clientWidth, height: host.clientHeight, head: this.head.offsetHeight };
      this.refresh();
    }).observe(host);
  }

  /** Show the rows of another result from its beginning. */
  show(rows) {
    this.#rows = rows;
    this.#active = { row: -1, column: 0 };
    this.#lines = [];
    this.#cells.clear();
    this.body.replaceChildren();
    this.head.dataset.drawn = "";
    this.#host.scrollTo(0, 0);
    this.#edges = this.#measured(Array.from({ length: SAMPLE_ROWS }, (_, at) => at));
    this.#host.setAttribute("aria-colcount", String(rows.columns.length + 1));
    this.#draw();
    const { clientWidth: width, clientHeight: height } = this.#host;
    this.#size = { width, height, head: this.head.offsetHeight };
    this.refresh();
  }

  /** Fit the columns to rows from the whole of the result, if it is still shown from its beginning. */
  fit() {
    if (this.#rows === null || this.#host.scrollLeft > 0) return;
    const sample = Math.max(SAMPLE_ROWS, Math.min(500, Math.floor(SAMPLE_CELLS / this.#rows.columns.length)));
    const step = Math.max(1, Math.floor(this.#rows.rowCount / sample));
    this.#edges = this.#measured(Array.from({ length: sample }, (_, at) => this.#rows.rowCount - 1 - at * step));
    this.refresh();
  }

  /** Draw again at the next frame: rows have arrived, or the window on them has moved. */
  refresh() {
    if (this.#frame === 0 && this.#rows !== null) {
      this.#frame = requestAnimationFrame(() => {
        this.#frame = 0;
        this.#draw();
      });
    }
  }

  /** The left edges of columns that fit their names and the values of these rows. */
  #measured(sample) {
    const probe = element("span", { className: "grid-probe", textContent: "0".repeat(50) });
    this.#host.append(probe);
    this.#characterPx = probe.getBoundingClientRect().width / 50 || 8;
    probe.remove();
    const longest = this.#rows.columns.map(({ name, type }) => Math.max(name.length, type.length));
    for (const row of sample.filter((row) => row >= 0 && row < this.#rows.rowCount)) {
      this.#rows.row(row).forEach((cell, column) => {
        longest[column] = Math.max(longest[column], cell === null ? 4 : inLine(cell, WIDEST_CH).length);
      });
    }
    const edges = [0];
    for (const length of longest) {
      const characters = Math.min(WIDEST_CH, Math.max(NARROWEST_CH, length));
      edges.push(edges.at(-1) + Math.ceil(characters * this.#characterPx) + 24);
    }
    return edges;
  }

  get #gutterPx() {
    return Math.ceil(Math.max(2, count.format(this.#rows.rowCount).length * 0.88) * this.#characterPx) + 18;
  }

  get #viewRows() {
    return Math.max(1, Math.floor((this.#size.height - this.#size.head) / ROW_PX));
  }

  get #scrollPx() {
    return Math.min(LARGEST_PX, this.#rows.rowCount * ROW_PX);
  }

  /** The first row in sight, with a fraction. Of a long result a pixel is more than a pixel of rows. */
  get #top() {
    const hiddenPx = this.#scrollPx - this.#viewRows * ROW_PX;
    const hiddenRows = this.#rows.rowCount - this.#viewRows;
    if (hiddenPx <= 0 || hiddenRows <= 0) return 0;
    return Math.min(hiddenRows + 1, (this.#host.scrollTop / hiddenPx) * hiddenRows);
  }

  #scrollToRow(row) {
    const top = this.#top, view = this.#viewRows;
    if (row >= Math.ceil(top) && row < Math.floor(top) + view) return;
    const first = row < top ? row : row - view + 1;
    const hiddenRows = Math.max(1, this.#rows.rowCount - view);
    this.#host.scrollTop = (first / hiddenRows) * (this.#scrollPx - view * ROW_PX);
  }

  #scrollToColumn(column) {
    const { scrollLeft } = this.#host;
    const left = this.#edges[column], right = this.#edges[column + 1];
    const room = this.#size.width - this.#gutterPx;
    if (left < scrollLeft) this.#host.scrollLeft = left;
    else if (right > scrollLeft + room) this.#host.scrollLeft = Math.min(left, right - room);
  }

  #draw() {
    const rows = this.#rows, gutter = this.#gutterPx;
    const { scrollTop, scrollLeft } = this.#host; // Read before anything is written: a layout is costly.
    const top = this.#top;
    const [begin, end] = this.#columnsInSight(scrollLeft, this.#size.width - gutter);
    const first = Math.max(0, Math.floor(top) - SPARE_ROWS);
    const last = Math.min(rows.rowCount, Math.ceil(top) + this.#viewRows + SPARE_ROWS);
    this.#host.setAttribute("aria-rowcount", String(rows.rowCount + 1));
    this.canvas.style.width = `${gutter + this.#edges.at(-1)}px`;
    const height = this.#scrollPx + this.#size.head, isLong = rows.rowCount > this.#viewRows;
    this.canvas.style.height = `${height + (isLong ? ROW_PX : 0)}px`;
    const isWide = gutter + this.#edges.at(-1) > this.#size.width;
    this.#host.style.setProperty("--content", `${height + BORDERS_PX + (isWide ? SCROLL_BAR_PX : 0)}px`);
    this.canvas.style.setProperty("--gutter", `${gutter}px`);
    this.body.style.transform = `translateY(${scrollTop - (top - first) * ROW_PX}px)`;
    this.#drawHead(begin, end);
    while (this.#lines.length > Math.max(0, last - first)) this.#lines.pop().remove();
    for (let row = first; row < last; row++) this.#drawRow(row - first, row, begin, end);
    this.#forgetCells(first, last);
    this.#markActive();
  }

  #cellsOf(row) {
    if (!this.#cells.has(row)) this.#cells.set(row, this.#rows.row(row));
    return this.#cells.get(row);
  }

  #forgetCells(first, last) {
    for (const row of this.#cells.keys()) if (row < first || row >= last) this.#cells.delete(row);
  }

  #columnsInSight(left, width) {
    const last = this.#edges.length - 1;
    let begin = 0;
    while (begin < last - 1 && this.#edges[begin + 1] < left) begin++;
    let end = begin + 1;
    while (end < last && this.#edges[end] < left + width) end++;
    return [begin, Math.min(end, last)];
  }

  #drawHead(begin, end) {
    const drawn = `${begin} ${end} ${this.#edges.at(-1)}`;
    if (this.head.dataset.drawn === drawn) return;
    this.head.dataset.drawn = drawn;
    const shown = this.#rows.columns.slice(begin, end);
    const corner = element("div", { className: "grid-number", role: "columnheader", "aria-colindex": "1" },
      element("span", { className: "hidden", textContent: "Row" }));
    this.head.replaceChildren(corner, ...shown.map(({ name, type }, at) => {
      const header = element("div", { className: "grid-header", role: "columnheader" },
        element("span", { className: "grid-name", textContent: inLine(name, 120), dir: "auto" }),
        element("span", { className: "grid-type", textContent: inLine(type.replaceAll('"', ""), 60) }));
      header.title = `${inLine(name, 500)} ${inLine(type, 200)}`;
      if (isNumber(type)) header.classList.add("number");
      this.#placeCell(header, begin + at, at === 0);
      return header;
    }));
  }

  #placeCell(cell, column, isFirst) {
    const width = this.#edges[column + 1] - this.#edges[column], before = isFirst ? this.#edges[column] : 0;
    const place = `${column} ${width} ${before}`;
    if (cell.dataset.place === place) return;
    cell.dataset.place = place;
    cell.setAttribute("aria-colindex", String(column + 2));
    cell.style.width = `${width}px`;
    cell.style.marginInlineStart = `${before}px`;
  }

  #drawRow(place, row, begin, end) {
    const line = this.#lines[place] ?? this.#newLine();
    line.setAttribute("aria-rowindex", String(row + 2));
    line.classList.toggle("odd", row % 2 === 1);
    setText(line.firstChild, count.format(row + 1));
    const values = this.#cellsOf(row);
    while (line.childElementCount > end - begin + 1) line.lastChild.remove();
    for (let column = begin; column < end; column++) {
      const at = column - begin + 1;
      const cell = line.children[at] ?? line.appendChild(element("div", { role: "gridcell", dir: "auto" }));
      fillCell(cell, values[column], this.#rows.columns[column].type);
      this.#placeCell(cell, column, column === begin);
      cell.id = `cell-${row}-${column}`;
    }
  }

  #newLine() {
    const number = element("div", { className: "grid-number", role: "rowheader", "aria-colindex": "1" });
    const line = element("div", { className: "grid-row", role: "row" }, number);
    this.#lines.push(line);
    this.body.append(line);
    return line;
  }

  #markActive() {
    for (const cell of this.body.querySelectorAll("[aria-selected]")) cell.removeAttribute("aria-selected");
    const { row, column } = this.#active;
    const cell = document.getElementById(`cell-${row}-${column}`);
    if (cell === null) return this.#host.removeAttribute("aria-activedescendant");
    cell.setAttribute("aria-selected", "true");
    this.#host.setAttribute("aria-activedescendant", cell.id);
  }

  /** Make a cell the active one, and bring it into sight. */
  activate(row, column) {
    if (this.#rows === null || this.#rows.rowCount === 0) return;
    this.#active = {
      row: Math.min(Math.max(0, row), this.#rows.rowCount - 1),
      column: Math.min(Math.max(0, column), this.#rows.columns.length - 1),
    };
    this.#scrollToRow(this.#active.row);
    this.#scrollToColumn(this.#active.column);
    this.#draw();
  }

  #key(event) {
    if (this.#rows === null || event.altKey) return;
    const row = Math.max(0, this.#active.row), { column } = this.#active;
    const whole = event.ctrlKey || event.metaKey, page = this.#viewRows;
    const last = this.#rows.rowCount - 1, lastColumn = this.#rows.columns.length - 1;
    const to = {
      ArrowDown: () => [this.#active.row < 0 ? 0 : whole ? last : row + 1, column],
      ArrowUp: () => [whole ? 0 : row - 1, column],
      ArrowRight: () => [row, whole ? lastColumn : column + 1],
      ArrowLeft: () => [row, whole ? 0 : column - 1],
      PageDown: () => [row + page, column],
      PageUp: () => [row - page, column],
      Home: () => [whole ? 0 : row, 0],
      End: () => [whole ? last : row, lastColumn],
    }[event.key];
    if (to !== undefined) this.activate(...to());
    else if (event.key === "Enter") this.#open();
    else return;
    event.preventDefault();
  }

  #point(event) {
    const place = /^cell-(\d+)-(\d+)$/.exec(event.target.closest("[role=gridcell]")?.id ?? "");
    if (place !== null) this.activate(Number(place[1]), Number(place[2]));
  }

  #activeCell() {
    return this.#active.row < 0 ? undefined : this.#rows.row(this.#active.row)[this.#active.column];
  }

  #open() {
    const cell = this.#rows === null ? undefined : this.#activeCell();
    if (cell !== undefined) this.#onOpen(this.#rows.columns[this.#active.column], cell, this.#active.row);
  }

  #copy(event) {
    const cell = this.#rows === null ? undefined : this.#activeCell();
    if (cell === undefined || String(document.getSelection()) !== "") return;
    event.clipboardData.setData("text/plain", cell ?? "");
    event.preventDefault();
  }
}

/** Show a value. NULL is a word in another style, so that it differs from the empty string and from 'NULL'. */
function fillCell(cell, value, type) {
  setText(cell, value === null ? "NULL" : inLine(value, SHOWN_CHARACTERS));
  cell.className = value === null ? "null" : isNumber(type) ? "number" : "";
  if (value === "") cell.setAttribute("aria-label", "empty text");
  else if (value === null) cell.setAttribute("aria-label", "null");
  else cell.removeAttribute("aria-label");
}

/** Set the text of an element that has a text node or nothing: as fast as it can be. */
function setText(host, text) {
  if (host.firstChild === null) host.append(text);
  else if (host.firstChild.data !== text) host.firstChild.data = text;
}
