// The SQL page: connects editor, runs, grid, chart, history and address. Owns the order of what happens.

import { Api, fetchPage } from "console/api.js";
import { addressOf, exportOf, stateOf } from "console/sql-address.js";
import { ChartPanel } from "console/sql-chart-panel.js";
import { Dialogs } from "console/sql-dialogs.js";
import { editorFor } from "console/sql-editor.js";
import { messageOf, placeOf } from "console/sql-error-place.js";
import { Grid } from "console/sql-grid.js";
import { remember } from "console/sql-history.js";
import { Names } from "console/sql-names.js";
import { Run } from "console/sql-run.js";
import { Sidebar } from "console/sql-sidebar.js";
import { count, duration, size } from "console/sql-text.js";

const DRAFT = "lakehouse.sql.draft";
const TICK_MS = 100;
const form = document.getElementById("sql-form");
const at = (id) => document.getElementById(id);

class SqlPage {
  #state = stateOf(location.href);
  #run = null;
  #api = new Api();
  #names = new Names(this.#api, form.dataset.views.split(" "), "profiled" in form.dataset);

  constructor() {
    form.elements.rows.disabled = true;
    const textarea = form.elements.q;
    if (!this.#state.q) textarea.value = draft() ?? textarea.value;
    this.editor = editorFor(textarea, {
      nonce: document.querySelector("script[nonce]").nonce,
      names: this.#names,
      run: () => this.run(),
      changed: () => this.#keepDraft(),
    });
    this.dialogs = new Dialogs(this.#api, () => this.#state, form.dataset.owner);
    this.grid = new Grid(at("grid"), (...cell) => this.dialogs.showCell(...cell));
    this.chart = new ChartPanel(at("chart"), at("chart-form"), (chart) => this.#choose(chart));
    this.sidebar = new Sidebar(this.#names, form.dataset.owner, (text) => this.editor.insert(text), (q) => this.#open(q));
    this.#names.use(this.#state);
    this.#listen();
  }

  #listen() {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.run();
    });
    at("cancel").addEventListener("click", () => this.#run?.cancel().catch(() => this.#say("The server was not reached.")));
    at("show-table").addEventListener("click", () => this.#choose(null));
    at("show-chart").addEventListener("click", () => this.#choose(this.chart.suggested(this.#run?.rows)));
    at("share").addEventListener("click", () => this.dialogs.share(addressOf(location.pathname, this.#state), this.#run?.seq));
    for (const link of document.querySelectorAll("a[data-statement]")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        this.#open(link.dataset.statement);
      });
    }
    at("save")?.addEventListener("click", () => this.dialogs.saveView(this.editor.text));
    addEventListener("popstate", () => this.#restore());
    addEventListener("offline", () => this.#say("This computer is offline."));
  }

  /** Run what the editor holds, at this address. */
  run() {
    this.#state = { ...this.#state, q: this.editor.text };
    this.#address();
    return this.#execute();
  }

  #open(q) {
    this.editor.text = q;
    this.run();
  }

  #restore() {
    const before = this.#state;
    this.#state = stateOf(location.href);
    if (this.#state.as_of !== before.as_of || this.#state.profile !== before.profile) return location.reload();
    this.editor.text = this.#state.q;
    this.#show();
    if (this.#state.q !== before.q) this.#execute();
  }

  /** Put the state into the address; `enter` makes it an entry of the browser's history, or changes the present one. */
  #address(enter = (address) => history.pushState(null, "", address)) {
    const address = addressOf(location.pathname, this.#state);
    if (address !== location.pathname + location.search) enter(address);
    for (const link of document.querySelectorAll("a[data-format]")) link.href = exportOf(this.#state, link.dataset.format);
  }

  #choose(chart) {
    this.#state = { ...this.#state, chart };
    this.#address();
    this.#show();
  }

  #show() {
    const { chart } = this.#state;
    at("show-table").setAttribute("aria-pressed", String(chart === null));
    at("show-chart").setAttribute("aria-pressed", String(chart !== null));
    at("grid").hidden = chart !== null;
    at("chart-panel").hidden = chart === null;
    if (chart !== null) this.chart.show(this.#run?.rows ?? null, chart);
  }

  async #execute() {
    if (!this.#state.q.trim()) return this.#say("Write a statement first.");
    this.#run?.cancel().catch(() => {});
    const run = (this.#run = new Run(this.#api));
    const { q: sql, as_of, profile } = this.#state;
    this.#begin(run);
    const timer = setInterval(() => this.#progress(run), TICK_MS);
    await run.follow({ sql, ...(as_of && { as_of }), ...(profile && { profile }) }, () => this.#arrived(run));
    clearInterval(timer);
    if (run === this.#run) this.#end(run);
  }

  #begin(run) {
    this.editor.clearErrors();
    at("server-rows")?.remove();
    at("examples")?.remove();
    at("problem").replaceChildren();
    at("cancel").hidden = false;
    at("result").hidden = true;
    form.classList.add("running");
    at("status").textContent = "";
    this.#progress(run);
  }

  #progress(run) {
    const { rowCount, sizeBytes } = run.rows;
    const arrived = rowCount > 0 ? ` · ${count(rowCount, "row")} · ${size(sizeBytes)}` : "";
    at("progress").textContent = `Running ${duration(performance.now() - run.startedAt)}${arrived}`;
  }

  #arrived(run) {
    if (run !== this.#run || run.rows.columns === null) return;
    if (at("result").hidden) {
      at("result").hidden = false;
      this.#show();
      this.grid.show(run.rows);
    }
    this.grid.refresh();
  }

  #end(run) {
    form.classList.remove("running");
    at("cancel").hidden = true;
    at("progress").textContent = "";
    this.#arrived(run);
    this.grid.fit();
    this.#show();
    at("no-rows").hidden = run.rows.columns === null || run.rows.rowCount > 0;
    this.#say(this.#outcome(run), run);
    if (run.outcome === "refused") this.#refused(run.problem);
    remember(form.dataset.owner, {
      q: this.#state.q, at: Date.now(), rows: run.rows.rowCount, ms: Math.round(run.elapsedMs), outcome: run.outcome,
    });
    this.sidebar.refreshHistory();
    this.#refreshEquivalents();
  }

  #outcome({ outcome, rows, elapsedMs, seq }) {
    const took = duration(elapsedMs), arrived = count(rows.rowCount, "row");
    return {
      done: `${arrived} · ${count(rows.columns?.length ?? 0, "column")} · ${took} · as of event ${seq}`,
      full: `The first ${arrived}, ${size(rows.sizeBytes)}: the page holds no more. Export the result to get all rows.`,
      cancelled: `Cancelled after ${took}${rows.rowCount > 0 ? `; ${arrived} had arrived` : ""}.`,
      refused: "",
      broken: `The result broke off after ${arrived} and ${took}: it is not complete. Run it again.`,
      unreachable: "The server was not reached. Run the statement again when the connection is back.",
    }[outcome];
  }

  #say(text, run = null) {
    at("status").textContent = text;
    at("status").dataset.outcome = run?.outcome ?? "";
  }

  #refused(problem) {
    const place = placeOf(problem.detail, this.#state.q);
    if (place !== null && this.editor.text === this.#state.q) this.editor.showError(place, messageOf(problem.detail));
    this.dialogs.showProblem(at("problem"), problem, place, messageOf(problem.detail));
  }

  #keepDraft() {
    try {
      sessionStorage.setItem(DRAFT, this.editor.text);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
    }
    for (const other of document.querySelectorAll(".time form")) keepField(other, "q", this.editor.text);
  }

  /** The page as the server renders it for this address has the equivalents of the statement. */
  async #refreshEquivalents() {
    const page = await fetchPage(location.href);
    if (page === null) return;
    const found = page.getElementById("equivalents");
    at("equivalents")?.remove();
    if (found !== null) document.body.append(found);
  }

  start() {
    document.documentElement.classList.add("scripted");
    this.#address((address) => history.replaceState(null, "", address));
    this.#show();
    if (this.#state.q) this.#execute();
    else this.editor.focus();
  }
}

/** Let a form send a field beside its own. */
function keepField(other, name, value) {
  const field = other.elements[name] ?? other.appendChild(Object.assign(document.createElement("input"), { type: "hidden", name }));
  field.value = value;
}

function draft() {
  try {
    return sessionStorage.getItem(DRAFT);
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

new SqlPage().start();
