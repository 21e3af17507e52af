// How values of the lake are shown as text. Must never make markup of them: every caller sets textContent.

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/** `text` with characters that hide or reorder others as their code points, as in ‹U+202E›. */
export function visible(text) {
  return text.replace(HIDDEN, (found) =>
    `‹U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}›`);
}

/** `text` on one line, and at most `length` characters of it. */
export function inLine(text, length) {
  const cut = text.length > length ? `${text.slice(0, length)}…` : text;
  return visible(cut.replace(/\r\n|\n|\r/g, "⏎").replace(/\t/g, "⇥"));
}

const integers = new Intl.NumberFormat("en-US");

export function count(number, noun) {
  return `${integers.format(number)} ${noun}${number === 1 ? "" : "s"}`;
}

export function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  const unit = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** unit;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** A new element with these properties and children. Text children become text, never markup. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}
