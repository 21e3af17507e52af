// What the console needs to know of DuckDB's types: how to align a column, and how to place it on an axis.

const NUMBERS = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BIGNUM|FLOAT|DOUBLE|DECIMAL\(.*\))$/;
const MOMENTS = /^(DATE|TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE)$/;

export function isNumber(type) {
  return NUMBERS.test(type);
}

export function isMoment(type) {
  return MOMENTS.test(type);
}

/** A cell as a number on an axis: milliseconds for moments; NaN where it has none. */
export function place(cell, type) {
  if (cell === null) return NaN;
  if (!isMoment(type)) return Number(cell);
  const text = cell.includes("T") ? cell : `${cell}T00:00:00`;
  return Date.parse(/(Z|[+-]\d\d(:?\d\d)?)$/.test(text.slice(11)) ? text : `${text}Z`);
}
