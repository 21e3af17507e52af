// Beside the editor: the relations with their columns, and the statements that were run before.

import { quoted } from "console/sql-completion.js";
import { forgetAll, remembered } from "console/sql-history.js";
import { count, duration, element, inLine } from "console/sql-text.js";

const SHOWN = 200;
const OUTCOMES = { cancelled: "cancelled", refused: "error", broken: "incomplete", unreachable: "server not reached" };

export class Sidebar {
  #names;
  #owner;
  #insert;
  #open;
  #filter = document.getElementById("relation-filter");

  /** `insert(text)` puts a name into the editor, `open(q)` runs a statement again. */
  constructor(names, owner, insert, open) {
    this.#names = names;
    this.#owner = owner;
    this.#insert = insert;
    this.#open = open;
    this.#filter.addEventListener("input", () => this.refreshRelations());
    document.getElementById("forget").addEventListener("click", () => {
      forgetAll(owner);
      this.refreshHistory();
    });
    this.refreshRelations();
    this.refreshHistory();
  }

  async refreshRelations() {
    const wanted = this.#filter.value.trim().toLowerCase();
    const all = await this.#names.relations().catch(() => []);
    const found = all.filter(({ name }) => name.toLowerCase().includes(wanted));
    const rest = found.length - SHOWN;
    document.getElementById("relations").replaceChildren(
      ...found.slice(0, SHOWN).map(({ name, kind }) => this.#relation(name, kind)),
      ...(rest > 0 ? [element("li", { className: "quiet", textContent: `and ${count(rest, "other")}: type a part of the name` })] : []),
      ...(found.length === 0 ? [element("li", { className: "quiet", textContent: wanted ? "No name contains this." : "The lake has no dataset yet." })] : []));
  }

  #relation(name, kind) {
    const columns = element("ul", { className: "sql-columns" });
    const details = element("details", {},
      element("summary", { className: kind === "system view" ? "system" : "" }, element("span", { textContent: inLine(name, 200), dir: "auto" })),
      columns);
    details.addEventListener("toggle", () => details.open && this.#showColumns(name, columns), { once: true });
    return element("li", {}, details);
  }

  async #showColumns(name, list) {
    const columns = await this.#names.columns(name).catch(() => []);
    list.replaceChildren(
      this.#item(name.startsWith("lake.") ? name : quoted(name), "insert"),
      ...columns.map((column) => this.#item(quoted(column.name), column.type)));
  }

  #item(text, detail) {
    const button = element("button", { type: "button", className: "plain" },
      element("span", { textContent: inLine(text, 200), dir: "auto" }),
      element("small", { textContent: inLine(detail, 60) }));
    button.addEventListener("click", () => this.#insert(text));
    return element("li", {}, button);
  }

  refreshHistory() {
    const entries = remembered(this.#owner);
    document.getElementById("forget").hidden = entries.length === 0;
    document.getElementById("history").replaceChildren(
      ...entries.map((entry) => this.#statement(entry)),
      ...(entries.length === 0 ? [element("li", { className: "quiet", textContent: "Statements that you run are listed here, in this browser only." })] : []));
  }

  #statement({ q, at, rows, ms, outcome }) {
    const said = OUTCOMES[outcome] ?? `${count(rows, "row")} · ${duration(ms)}`;
    const button = element("button", { type: "button", className: "plain", title: inLine(q, 2_000) },
      element("code", { textContent: inLine(q.replace(/\s+/g, " "), 120), dir: "auto" }),
      element("small", { textContent: said }), element("small", { textContent: momentOf(at) }));
    button.addEventListener("click", () => this.#open(q));
    return element("li", {}, button);
  }
}

/** 15:30 UTC for a time of today, 2026-11-26 15:30 UTC for one of another day. */
function momentOf(at) {
  const [day, time] = new Date(at).toISOString().split("T"), today = new Date().toISOString().slice(0, 10);
  return `${day === today ? "" : `${day} `}${time.slice(0, 5)} UTC`;
}
