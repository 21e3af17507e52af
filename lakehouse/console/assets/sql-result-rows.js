// The rows of a result as they arrive, held as the bytes of the JSON document: 4 bytes a row beside them.
// Owns finding where rows begin and end. Must never parse a row before it is shown.

const BLOCK_BITS = 20;
const BLOCK_BYTES = 1 << BLOCK_BITS;
const INDEX_BITS = 16;
const INDEX_ROWS = 1 << INDEX_BITS;
const ROWS_BEGIN = '],"rows":[';
const LARGEST_HEAD_BYTES = 4 << 20;
const QUOTE = 34, COMMA = 44, OPEN = 91, BACKSLASH = 92, CLOSE = 93, OPEN_OBJECT = 123, CLOSE_OBJECT = 125;

export class ResultRows {
  columns = null;
  rowCount = 0;
  sizeBytes = 0;
  isComplete = false;
  isFull = false;

  #limitBytes;
  #head = new Uint8Array(0);
  #blocks = [];
  #index = [];
  #lastEnd = 0;
  #depth = 0;
  #inText = false;
  #escaped = false;
  #ended = false;
  #tail = "";

  constructor(limitBytes) {
    this.#limitBytes = limitBytes;
  }

  /** Take the next bytes of the document `{"columns":[…],"rows":[[…],…],"row_count":N}`. */
  push(bytes) {
    if (this.columns === null) bytes = this.#readHead(bytes);
    if (bytes === null || bytes.length === 0 || this.isFull) return;
    if (this.#ended) return this.#readTail(bytes);
    const end = this.#scan(bytes);
    if (this.#ended) this.#readTail(bytes.subarray(end));
  }

  /** The cells of a row: strings as values, null, and the JSON text of everything else. */
  row(number) {
    return cellsOf(decoder.decode(this.#bytesOf(number)));
  }

  #readHead(bytes) {
    const head = new Uint8Array(this.#head.length + bytes.length);
    head.set(this.#head);
    head.set(bytes, this.#head.length);
    const text = latin1.decode(head);
    const found = text.indexOf(ROWS_BEGIN);
    if (found < 0) {
      if (head.length > LARGEST_HEAD_BYTES) throw new Error("the result has no rows member");
      this.#head = head;
      return null;
    }
    this.columns = JSON.parse(decoder.decode(head.subarray(0, found + 1)) + "}").columns;
    this.#head = new Uint8Array(0);
    return head.subarray(found + ROWS_BEGIN.length);
  }

  #readTail(bytes) {
    this.#tail += latin1.decode(bytes);
    const found = /^\],"row_count":(\d+)\}$/.exec(this.#tail);
    if (found !== null) this.isComplete = Number(found[1]) === this.rowCount;
  }

  /** Find the rows' places in `bytes`, and keep the bytes; returns where the rows ended. */
  #scan(bytes) {
    const base = this.sizeBytes, size = bytes.length;
    let depth = this.#depth, inText = this.#inText, escaped = this.#escaped, at = 0;
    scanning: for (; at < size; at++) {
      const byte = bytes[at];
      if (inText) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inText = false;
        continue;
      }
      switch (byte) {
        case QUOTE:
          inText = true;
          break;
        case OPEN:
          if (depth === 0 && !this.#beginRow(base + at)) break scanning;
          depth++;
          break;
        case OPEN_OBJECT:
          depth++;
          break;
        case CLOSE:
          if (depth === 0) {
            this.#ended = true;
            break scanning;
          }
          if (--depth === 0) {
            this.rowCount++;
            this.#lastEnd = base + at + 1;
          }
          break;
        case CLOSE_OBJECT:
          depth--;
          break;
      }
    }
    this.#depth = depth;
    this.#inText = inText;
    this.#escaped = escaped;
    this.#keep(bytes.subarray(0, at));
    return at;
  }

  #beginRow(offset) {
    if (offset >= this.#limitBytes) {
      this.isFull = true;
      return false;
    }
    const row = this.rowCount;
    if ((row & (INDEX_ROWS - 1)) === 0) this.#index.push(new Uint32Array(INDEX_ROWS));
    this.#index[row >>> INDEX_BITS][row & (INDEX_ROWS - 1)] = offset;
    return true;
  }

  #keep(bytes) {
    let at = 0;
    while (at < bytes.length) {
      const used = this.sizeBytes & (BLOCK_BYTES - 1);
      if (used === 0) this.#blocks.push(new Uint8Array(BLOCK_BYTES));
      const piece = bytes.subarray(at, at + BLOCK_BYTES - used);
      this.#blocks[this.#blocks.length - 1].set(piece, used);
      this.sizeBytes += piece.length;
      at += piece.length;
    }
  }

  #offset(row) {
    return this.#index[row >>> INDEX_BITS][row & (INDEX_ROWS - 1)];
  }

  #bytesOf(row) {
    const begin = this.#offset(row), end = this.#endOf(row);
    const first = begin >>> BLOCK_BITS;
    if (first === (end - 1) >>> BLOCK_BITS) {
      return this.#blocks[first].subarray(begin & (BLOCK_BYTES - 1), ((end - 1) & (BLOCK_BYTES - 1)) + 1);
    }
    const joined = new Uint8Array(end - begin);
    for (let at = begin; at < end; ) {
      const start = at & (BLOCK_BYTES - 1);
      const piece = this.#blocks[at >>> BLOCK_BITS].subarray(start, start + end - at);
      joined.set(piece, at - begin);
      at += piece.length;
    }
    return joined;
  }

  /** Where the row's text ends: before the comma of the next row. */
  #endOf(row) {
    return row + 1 < this.rowCount ? this.#offset(row + 1) - 1 : this.#lastEnd;
  }
}

const decoder = new TextDecoder();
const latin1 = new TextDecoder("latin1");

/** Split the JSON text of an array at its top level. A number stays its digits: no double rounds it. */
export function cellsOf(text) {
  const cells = [];
  let begin = 1, depth = 0, inText = false;
  for (let at = 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (inText) {
      if (code === BACKSLASH) at++;
      else if (code === QUOTE) inText = false;
    } else if (code === QUOTE) inText = true;
    else if (code === OPEN || code === OPEN_OBJECT) depth++;
    else if (depth > 0 && (code === CLOSE || code === CLOSE_OBJECT)) depth--;
    else if (depth === 0 && (code === COMMA || code === CLOSE)) {
      if (at > begin) cells.push(cell(text.slice(begin, at)));
      begin = at + 1;
    }
  }
  return cells;
}

function cell(json) {
  if (json === "null") return null;
  return json.charCodeAt(0) === QUOTE ? JSON.parse(json) : json;
}
