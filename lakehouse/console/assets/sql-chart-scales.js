// Axes: round steps for numbers, calendar steps for moments, and how their marks are written. Pure.

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const SPANS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500], ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14].map((n) => n * DAY),
];
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400];
const MONTH_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A linear scale from [low, high] to [from, to], widened to round marks where `round`. */
export function numberScale(low, high, from, to, marks, round) {
  if (low === high) [low, high] = low === 0 ? [0, 1] : [low - Math.abs(low) / 2, high + Math.abs(high) / 2];
  const step = roundStep((high - low) / marks);
  const begin = round ? Math.floor(low / step) * step : low, end = round ? Math.ceil(high / step) * step : high;
  const ticks = [];
  for (let at = Math.ceil(begin / step - 1e-9); at * step <= end + step * 1e-9; at++) ticks.push(at * step);
  const write = numberWriter(step, Math.max(Math.abs(begin), Math.abs(end)));
  return { ticks: ticks.map((value) => ({ value, label: write(value) })), place: linear(begin, end, from, to) };
}

/** A scale of milliseconds, with marks at whole units of the calendar in UTC. */
export function momentScale(low, high, from, to, marks) {
  if (low === high) [low, high] = [low - DAY, high + DAY];
  const wanted = (high - low) / marks;
  const span = SPANS.find((each) => each >= wanted);
  const ticks = span === undefined ? monthTicks(low, high, wanted) : spanTicks(low, high, span);
  return { ticks, place: linear(low, high, from, to), year: commonYear(low, high) };
}

/** The year of both moments, which no mark may name, or null. */
function commonYear(low, high) {
  const [first, last] = [low, high].map((at) => new Date(at).getUTCFullYear());
  return first === last ? first : null;
}

function linear(low, high, from, to) {
  return (value) => from + ((value - low) / (high - low)) * (to - from);
}

function roundStep(wanted) {
  const power = 10 ** Math.floor(Math.log10(wanted));
  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= wanted * (1 - 1e-9)) ?? 10 * power;
}

function numberWriter(step, largest) {
  if (largest >= 1e15 || largest < 1e-6) return (value) => value.toExponential(1);
  const [unit, letter] = largest >= 1e9 ? [1e9, "G"] : largest >= 1e6 ? [1e6, "M"] : largest >= 1e4 ? [1e3, "k"] : [1, ""];
  const digits = Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9));
  const format = new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return (value) => (value === 0 ? "0" : `${format.format(value / unit)}${letter && ` ${letter}`}`);
}

function spanTicks(low, high, span) {
  const ticks = [];
  for (let at = Math.ceil(low / span) * span; at <= high; at += span) {
    ticks.push({ value: at, label: momentLabel(at, span) });
  }
  return ticks;
}

function momentLabel(at, span) {
  const iso = new Date(at).toISOString();
  if (span >= DAY) return `${Number(iso.slice(8, 10))} ${MONTH_NAMES[Number(iso.slice(5, 7)) - 1]}`;
  if (at % DAY === 0) return `${Number(iso.slice(8, 10))} ${MONTH_NAMES[Number(iso.slice(5, 7)) - 1]}`;
  if (span >= MINUTE) return iso.slice(11, 16);
  return span >= SECOND ? iso.slice(11, 19) : iso.slice(17, 23);
}

function monthTicks(low, high, wanted) {
  const months = MONTHS.find((each) => each * 30.4 * DAY >= wanted) ?? MONTHS.at(-1);
  const first = new Date(low), ticks = [];
  let at = first.getUTCFullYear() * 12 + first.getUTCMonth();
  at = Math.ceil(at / months) * months;
  for (; ; at += months) {
    const value = Date.UTC(Math.floor(at / 12), ((at % 12) + 12) % 12);
    if (value > high) return ticks;
    const year = String(Math.floor(at / 12));
    const label = months % 12 === 0 || at % 12 === 0 ? year : MONTH_NAMES[at % 12];
    if (value >= low) ticks.push({ value, label });
  }
}
