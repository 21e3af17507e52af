// Where in the statement an error is. The detail of `sql_error` ends with the line and a caret under its place.

const PLACE = /\n\nLINE (\d+): (.*)\n( *)(\^+)\s*$/;
const ELLIPSIS = "...";
const OF_PARSER = /^Parser Error/;
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const MARK = /\p{Mn}/u;

/** `{line, column, length}` in characters from 1, or null if the detail names no place of this statement. */
export function placeOf(detail, statement) {
  const found = PLACE.exec(detail);
  if (found === null) return null;
  const line = Number(found[1]);
  const text = statement.split("\n")[line - 1];
  if (text === undefined) return null;
  const echoed = found[2];
  const isCut = echoed.startsWith(ELLIPSIS) && !text.startsWith(ELLIPSIS);
  const window = echoed.slice(isCut ? ELLIPSIS.length : 0);
  const begin = text.indexOf(window.endsWith(ELLIPSIS) && !text.endsWith(ELLIPSIS) ? window.slice(0, -3) : window);
  if (begin < 0) return null;
  const indent = found[3].length - `LINE ${line}: `.length - (isCut ? ELLIPSIS.length : 0);
  // DuckDB counts the columns of a terminal, where some characters take two; what we point at, characters.
  const width = OF_PARSER.test(detail) ? () => 1 : (each) => (WIDE.test(each) ? 2 : MARK.test(each) ? 0 : 1);
  const rest = [...text.slice(begin)];
  const before = charactersIn(rest, indent, width);
  const length = charactersIn(rest.slice(before), found[4].length, width);
  return { line, column: [...text.slice(0, begin)].length + before + 1, length: Math.max(1, length) };
}

/** How many characters take these columns. */
function charactersIn(characters, columns, width) {
  let at = 0;
  for (let used = 0; at < characters.length && used < columns; at++) used += width(characters[at]);
  return at;
}

/** The message alone, without the echo of the statement. */
export function messageOf(detail) {
  return detail.replace(PLACE, "");
}
