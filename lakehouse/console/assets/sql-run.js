// One run of a statement: its request, its rows as they arrive, and its end. Owns when the page is given time to draw.
// Must never leave a query running that nobody reads.

import { ResultRows } from "console/sql-result-rows.js";

const LARGEST_RESULT_BYTES = 192 << 20;
const PIECE_BYTES = 256 << 10;
const SLICE_MS = 12;

export class Run {
  rows = new ResultRows(LARGEST_RESULT_BYTES);
  seq = null;
  startedAt = performance.now();
  /** null while it runs, then done, full, cancelled, refused (by a problem), broken, unreachable */
  outcome = null;
  problem = null;
  elapsedMs = 0;

  #id = [...crypto.getRandomValues(new Uint8Array(12))].map((each) => each.toString(16).padStart(2, "0")).join("");
  #controller = new AbortController();
  #cancelled = false;
  #api;

  constructor(api) {
    this.#api = api;
  }

  get queryId() {
    return this.#id;
  }

  /** Run the statement to its end; `arrived()` is called when there are more rows. Never throws for its outcome. */
  async follow(request, arrived) {
    try {
      const response = await this.#api.send("POST", "/v1/sql", { ...request, format: "json" },
        { headers: { "Query-Id": this.#id }, signal: this.#controller.signal });
      this.seq = response.headers.get("X-Journal-Seq");
      this.#id = response.headers.get("Query-Id") ?? this.#id;
      if (response.ok) await this.#read(response.body.getReader(), arrived);
      else await this.#refused(response);
    } catch (error) {
      if (!(error instanceof TypeError || error.name === "AbortError")) throw error;
      this.outcome = this.#cancelled ? "cancelled" : this.seq === null ? "unreachable" : "broken";
    }
    this.elapsedMs = performance.now() - this.startedAt;
  }

  /** Cancel the query on the server, and stop reading what it has sent. */
  async cancel() {
    if (this.outcome !== null || this.#cancelled) return;
    this.#cancelled = true;
    try {
      await this.#api.send("DELETE", `/v1/queries/${this.#id}`);
    } finally {
      this.#controller.abort();
    }
  }

  async #read(reader, arrived) {
    let begun = performance.now();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (let at = 0; at < value.length; at += PIECE_BYTES) {
        this.rows.push(value.subarray(at, at + PIECE_BYTES));
        if (this.rows.isFull) return this.#full(arrived);
        if (performance.now() - begun > SLICE_MS) {
          arrived();
          await pause();
          begun = performance.now();
        }
      }
      arrived();
    }
    this.outcome = this.rows.isComplete ? "done" : "broken";
  }

  #full(arrived) {
    this.outcome = "full";
    this.#controller.abort();
    arrived();
  }

  async #refused(response) {
    this.problem = await problemOf(response);
    this.outcome = this.problem.code === "query_cancelled" ? "cancelled" : "refused";
  }
}

/** The problem document of a refused request. */
export async function problemOf(response) {
  const text = await response.text();
  if (response.headers.get("Content-Type")?.startsWith("application/problem+json")) return JSON.parse(text);
  return { status: response.status, title: `HTTP status ${response.status}`, detail: text.slice(0, 500), code: "" };
}

function pause() {
  return globalThis.scheduler?.yield?.() ?? new Promise((resume) => setTimeout(resume));
}
