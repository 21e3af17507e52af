// Charts of a result as SVG: lines, areas, bars, points. Owns what is drawn of which columns.
// Must never draw more marks than pixels: long lines are reduced to the lowest and highest value of each.

import { momentScale, numberScale } from "console/sql-chart-scales.js";
import { isMoment, isNumber, place } from "console/sql-column-types.js";
import { element, inLine } from "console/sql-text.js";

export const KINDS = ["line", "area", "bar", "point"];
const LARGEST_ROWS = 100_000, MOST_BARS = 60, MOST_SERIES = 6;
const LEFT = 64, RIGHT = 20, TOP = 28, BOTTOM = 44;
const LETTER_PX = 7, TILTED_LETTERS = 14, TILTED_PX = 24, TILT = "rotate(-40)";
/** How wide a letter of a label is, how many a tilted label has, and how far it is from the next one. */
const SVG = "http://www.w3.org/2000/svg";

/** What a chart of these columns shows unless somebody chooses: the first moment or text, and the numbers. */
export function defaults(columns) {
  const x = columns.findIndex(({ type }) => isMoment(type));
  const text = columns.findIndex(({ type }) => !isNumber(type));
  const across = x >= 0 ? x : text >= 0 ? text : 0;
  const numbers = columns.map((_, at) => at).filter((at) => at !== across && isNumber(columns[at].type));
  const kind = x >= 0 ? "line" : text >= 0 ? "bar" : "point";
  return { kind, x: columns[across]?.name ?? "", y: numbers.slice(0, 1).map((at) => columns[at].name) };
}

/** Draw the chart `{kind, x, y: [names]}` of `rows` into `host`; returns what to say below it. */
export function draw(host, rows, { kind, x, y }) {
  const across = rows.columns.findIndex(({ name }) => name === x);
  const up = y.map((name) => rows.columns.findIndex((column) => column.name === name)).filter((at) => at >= 0);
  if (across < 0 || up.length === 0) {
    host.replaceChildren(element("p", { className: "empty", textContent: "Choose a column for each axis." }));
    return "";
  }
  const data = read(rows, across, up.slice(0, MOST_SERIES), kind);
  const width = Math.max(280, host.clientWidth), tilted = tiltedPx(data, width - LEFT - RIGHT);
  const height = Math.max(220, Math.min(440, Math.round(width * 0.45))) + tilted;
  const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", class: "chart" });
  const title = node("title", {});
  title.textContent = inLine(`${kind} chart of ${y.join(", ")} by ${x}, ${data.count.toLocaleString("en-US")} rows`, 300);
  svg.append(title);
  if (data.count === 0) {
    host.replaceChildren(element("p", { className: "empty", textContent: "No row has a value for both axes." }));
    return data.note;
  }
  const area = { left: LEFT, right: width - RIGHT, top: TOP, bottom: height - BOTTOM - tilted, tilted };
  const scales = scalesOf(data, kind, area);
  drawAxes(svg, scales, area, x, up.length === 1 ? y[0] : "");
  data.series.forEach((values, at) => drawSeries(svg, kind, data, values, at, scales, area));
  host.replaceChildren(svg, ...(up.length > 1 ? [legend(y.slice(0, MOST_SERIES))] : []));
  pointAt(host, svg, data, scales, area, y);
  return data.note;
}

function read(rows, across, up, kind) {
  const type = rows.columns[across].type;
  const isCategory = kind === "bar" || !(isNumber(type) || isMoment(type));
  const most = isCategory ? MOST_BARS : LARGEST_ROWS;
  const xs = [], labels = [], series = up.map(() => []);
  let number = 0;
  for (; number < rows.rowCount && xs.length < most; number++) {
    const cells = rows.row(number);
    const at = isCategory ? xs.length : place(cells[across], type);
    if (Number.isNaN(at)) continue;
    xs.push(at);
    labels.push(cells[across] === null ? "NULL" : inLine(cells[across], 60));
    up.forEach((column, which) => series[which].push(place(cells[column], rows.columns[column].type)));
  }
  if (!isCategory && kind !== "point") sortByX(xs, labels, series);
  const isCut = number < rows.rowCount;
  const note = isCut ? `The first ${xs.length.toLocaleString("en-US")} of ${rows.rowCount.toLocaleString("en-US")} rows` : "";
  return { xs, labels, series, isCategory, isMoments: !isCategory && isMoment(type), count: xs.length, note };
}

function sortByX(xs, labels, series) {
  if (xs.every((value, at) => at === 0 || xs[at - 1] <= value)) return;
  const order = xs.map((_, at) => at).sort((one, other) => xs[one] - xs[other]);
  for (const list of [xs, labels, ...series]) list.splice(0, list.length, ...order.map((at) => list[at]));
}

function extent(lists) {
  let low = Infinity, high = -Infinity;
  for (const list of lists) {
    for (const value of list) {
      if (value < low && Number.isFinite(value)) low = value;
      if (value > high && Number.isFinite(value)) high = value;
    }
  }
  return low <= high ? [low, high] : [0, 1];
}

function scalesOf(data, kind, area) {
  let [low, high] = extent(data.series);
  if (kind === "bar" || kind === "area") [low, high] = [Math.min(0, low), Math.max(0, high)];
  const y = numberScale(low, high, area.bottom, area.top, 5, true);
  const marks = Math.max(2, Math.floor((area.right - area.left) / 64));
  const [first, last] = extent([data.xs]);
  if (data.isCategory) return { y, x: categories(data, area) };
  const scale = data.isMoments ? momentScale : numberScale;
  return { y, x: scale(first, last, area.left, area.right, marks, kind === "point") };
}

/** How much taller the labels of categories are than a line: 0 where each fits below its mark, else they are tilted. */
function tiltedPx({ isCategory, labels }, width) {
  const longest = Math.max(...labels.map((label) => label.length));
  if (!isCategory || (longest + 1) * LETTER_PX <= width / labels.length) return 0;
  return Math.round(Math.min(longest, TILTED_LETTERS) * LETTER_PX * 0.64);
}

function categories({ labels }, area) {
  const step = (area.right - area.left) / labels.length;
  const every = area.tilted ? Math.ceil(TILTED_PX / step) : 1;
  const letters = area.tilted ? TILTED_LETTERS : 60;
  const ticks = labels.map((label, value) => ({ value, label: inLine(label, letters) })).filter(({ value }) => value % every === 0);
  return { ticks, step, place: (value) => area.left + (value + 0.5) * step };
}

function drawAxes(svg, { x, y }, area, across, up) {
  for (const { value, label } of y.ticks) {
    const at = y.place(value);
    svg.append(node("line", { class: value === 0 ? "zero" : "rule", x1: area.left, x2: area.right, y1: at, y2: at }));
    svg.append(text("tick end", area.left - 8, at + 4, label));
  }
  for (const { value, label } of x.ticks) {
    if (area.tilted) svg.append(tiltedText(x.place(value) + 4, area.bottom + 14, label));
    else svg.append(text("tick middle", x.place(value), area.bottom + 18, label));
  }
  svg.append(text("axis end", area.right, area.bottom + area.tilted + 38, inLine(across, 60) + (x.year ? `, ${x.year}` : "")));
  if (up) svg.append(text("axis", 4, 12, inLine(up, 40)));
}

function drawSeries(svg, kind, data, values, which, scales, area) {
  const style = `series-${which + 1}`;
  if (kind === "bar") return drawBars(svg, data, values, which, scales, style);
  if (kind === "point") return drawPoints(svg, data, values, scales, style);
  const pieces = reduced(data.xs, values, scales, area);
  for (const points of pieces) {
    const line = points.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join("L");
    if (kind === "area") {
      const zero = scales.y.place(0).toFixed(1);
      svg.append(node("path", { class: `fill ${style}`, d: `M${points[0][0].toFixed(1)},${zero}L${line}L${points.at(-1)[0].toFixed(1)},${zero}Z` }));
    }
    svg.append(node("path", { class: `line ${style}`, d: `M${line}` }));
    if (points.length === 1) svg.append(node("circle", { class: `dot ${style}`, cx: points[0][0], cy: points[0][1], r: 3 }));
  }
}

/** The points of a line in pixels, in pieces between missing values; of each pixel its lowest and highest. */
function reduced(xs, values, { x, y }, area) {
  const pieces = [];
  let piece = [], pixel = -1, low = null, high = null;
  const flush = () => {
    if (low !== null) piece.push(...(low[2] <= high[2] ? [low, high] : [high, low]).slice(0, low === high ? 1 : 2));
    low = high = null;
  };
  const every = xs.length > 2 * (area.right - area.left);
  for (let at = 0; at < xs.length; at++) {
    if (!Number.isFinite(values[at])) {
      flush();
      if (piece.length > 0) pieces.push(piece);
      piece = [];
      continue;
    }
    const point = [x.place(xs[at]), y.place(values[at]), at];
    if (!every || Math.floor(point[0]) !== pixel) flush();
    pixel = Math.floor(point[0]);
    if (low === null || point[1] > low[1]) low = point;
    if (high === null || point[1] < high[1]) high = point;
  }
  flush();
  if (piece.length > 0) pieces.push(piece);
  return pieces;
}

function drawBars(svg, { series }, values, which, { x, y }, style) {
  const room = x.step * 0.76, width = Math.max(1, room / series.length), zero = y.place(0);
  values.forEach((value, at) => {
    if (!Number.isFinite(value)) return;
    const to = y.place(value), left = x.place(at) - room / 2 + which * width;
    svg.append(node("rect", {
      class: `bar ${style}`, x: left, width: Math.max(1, width - 1), y: Math.min(zero, to), height: Math.max(1, Math.abs(to - zero)),
    }));
  });
}

function drawPoints(svg, { xs }, values, { x, y }, style) {
  const taken = new Set(), size = values.length > 2000 ? 1.6 : 3;
  let path = "";
  for (let at = 0; at < xs.length; at++) {
    if (!Number.isFinite(values[at])) continue;
    const px = Math.round(x.place(xs[at]) * 2) / 2, py = Math.round(y.place(values[at]) * 2) / 2;
    const key = px * 8192 + py;
    if (taken.has(key)) continue;
    taken.add(key);
    path += `M${px - size},${py}a${size},${size} 0 1,0 ${2 * size},0a${size},${size} 0 1,0 ${-2 * size},0`;
  }
  svg.append(node("path", { class: `dots ${style}`, d: path }));
}

/** Show the values at the pointer: of the nearest row along the axis. */
function pointAt(host, svg, data, { x }, area, names) {
  const cursor = node("line", { class: "cursor", y1: area.top, y2: area.bottom, visibility: "hidden" });
  const tip = element("output", { className: "chart-tip", hidden: true });
  svg.append(cursor);
  host.append(tip);
  const places = data.xs.map((value) => x.place(value));
  svg.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    tip.hidden = true;
  });
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const px = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const at = nearest(places, px);
    cursor.setAttribute("visibility", "visible");
    cursor.setAttribute("x1", places[at]);
    cursor.setAttribute("x2", places[at]);
    tip.hidden = false;
    tip.replaceChildren(element("strong", { textContent: data.labels[at], dir: "auto" }), ...data.series.map((values, which) =>
      element("span", { textContent: `${inLine(names[which], 40)}: ${Number.isNaN(values[at]) ? "no value" : values[at].toLocaleString("en-US")}` })));
    const left = (places[at] / svg.viewBox.baseVal.width) * box.width;
    tip.style.insetInlineStart = `${Math.min(Math.max(0, left + 12), host.clientWidth - tip.offsetWidth - 4)}px`;
  });
}

function nearest(places, px) {
  let best = 0;
  for (let at = 1; at < places.length; at++) if (Math.abs(places[at] - px) < Math.abs(places[best] - px)) best = at;
  return best;
}

function legend(names) {
  return element("ul", { className: "legend" }, ...names.map((name, at) =>
    element("li", { className: `series-${at + 1}`, textContent: inLine(name, 60), dir: "auto" })));
}

function text(kind, x, y, content) {
  const made = node("text", { class: kind, x, y });
  made.textContent = content;
  return made;
}

function tiltedText(x, y, content) {
  const made = text("tick end", 0, 0, content);
  made.setAttribute("transform", `translate(${x} ${y}) ${TILT}`);
  return made;
}

function node(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
