// The upload page: each file is staged, which reads it whole and changes nothing; then all are loaded as one
// change set. A file is sent again when an option of it is changed.

import { visible } from "console/sql-text.js";

(() => {
  const root = document.getElementById("upload");
  const session = globalThis.lakehouseSession;
  const cards = new Set();
  const loadForm = document.getElementById("load");
  const loadButton = document.getElementById("load-button");
  const outcome = document.getElementById("outcome");
  let loading = false;

  function sizeText(bytes) {
    if (bytes < 1000) return `${bytes} B`;
    const unit = Math.min(Math.floor(Math.log10(bytes) / 3), 4);
    const amount = bytes / 1000 ** unit;
    return `${amount.toFixed(amount < 99.95 ? 1 : 0)} ${["B", "kB", "MB", "GB", "TB"][unit]}`;
  }

  // The name of a dataset that a file's name suggests.
  function nameOf(fileName) {
    const stem = fileName.replace(/(\.(csv|tsv|txt|ndjson|jsonl|json|parquet|pq))?(\.(gz|zst))?$/i, "");
    const name = stem.replace(/[^A-Za-z0-9_]/g, "_").slice(0, 128);
    return /^[0-9]/.test(name) ? `_${name}`.slice(0, 128) : name;
  }

  // The format by a file's name; empty: the server takes it for CSV.
  function formatOf(fileName) {
    const [, extension] = /\.(ndjson|jsonl|parquet|pq)(?:\.(?:gz|zst))?$/i.exec(fileName) ?? [];
    if (!extension) return "";
    return extension.toLowerCase().startsWith("p") ? "parquet" : "ndjson";
  }

  // A column's type in the words of the option `types`.
  const TYPE_WORDS = { "date32[day]": "date", "timestamp[us]": "timestamp", "timestamp[us, tz=UTC]": "timestamptz" };

  function element(tag, text, ...children) {
    const made = document.createElement(tag);
    if (text) made.textContent = visible(text);
    made.append(...children);
    return made;
  }

  // With a capital letter; a name before a colon stays as it is.
  function capital(text) {
    return /^\S+:/.test(text) ? text : text.slice(0, 1).toUpperCase() + text.slice(1);
  }

  // A hint of the API names parameters; this page has fields for them.
  function inFieldNames(hint) {
    return hint
      .replace("on_error=quarantine", "“Bad rows: Quarantine the rows”")
      .replace("name the file's encoding: encoding=latin-1", "write the file's encoding, such as latin-1, into “Encoding”")
      .replace("missing=null, schema_change=widen or schema_change=replace", "“Schema differs: Widen the schema” or “Replace the schema”");
  }

  // What an answer of the API says is wrong; text only.
  function explanation(refused) {
    const problem = session.explained(refused);
    const box = document.createDocumentFragment();
    box.append(element("strong", `${problem.title ?? "It failed"}. `), visible(capital(problem.detail ?? "")));
    const rows = problem.errors ?? [];
    const repeats = rows.length === 1 && rows[0].reason && problem.detail?.endsWith(rows[0].reason);
    if (rows.length && !repeats) {
      const list = element("ul");
      for (const row of rows.slice(0, 20)) {
        list.append(element("li", Object.entries(row).map(([key, value]) => `${key}: ${value}`).join(", ")));
      }
      if (rows.length > 20) list.append(element("li", `and ${rows.length - 20} more`));
      box.append(list);
    }
    if (problem.hint) box.append(element("p", inFieldNames(problem.hint)));
    if (session.hasEnded(refused)) box.append(session.link());
    return box;
  }

  class Card {
    constructor(file) {
      this.file = file;
      this.staged = null;
      this.request = null;
      this.types = new Map();
      this.node = document.getElementById("card").content.firstElementChild.cloneNode(true);
      this.part("title").textContent = visible(file.name);
      this.part("columns").setAttribute("aria-label", `Columns of ${file.name}`);
      this.part("size").textContent = sizeText(file.size);
      this.option("name").value = root.dataset.name || nameOf(file.name);
      this.option("format").value = formatOf(file.name);
      for (const field of this.node.querySelectorAll("[data-option]")) {
        field.addEventListener("change", () => this.send());
      }
      this.part("cancel").addEventListener("click", () => this.cancel());
      this.part("again").addEventListener("click", () => this.send());
      this.part("remove").addEventListener("click", () => {
        this.cancel();
        cards.delete(this);
        this.node.remove();
        showLoad();
      });
    }

    part(name) {
      return this.node.querySelector(`[data-part="${name}"]`);
    }

    option(name) {
      return this.node.querySelector(`[data-option="${name}"]`);
    }

    get query() {
      const query = new URLSearchParams({ stage: "true" });
      for (const field of this.node.querySelectorAll("[data-option]")) {
        if (field.value !== "") query.append(field.dataset.option, field.value);
      }
      const types = [...this.types].map(([column, type]) => `${column}:${type}`);
      if (types.length) query.append("types", types.join(","));
      return query;
    }

    state(text, busy = false) {
      this.part("state").textContent = text;
      this.part("state").classList.toggle("ready", this.staged !== null && !busy);
      this.part("cancel").hidden = !busy;
      this.part("progress").hidden = !busy;
      this.part("again").hidden = busy || this.staged !== null;
      showLoad();
    }

    problem(content) {
      const box = this.part("problem");
      box.replaceChildren(...(content ? [content] : []));
      box.hidden = !content;
    }

    cancel() {
      const request = this.request;
      this.request = null;
      request?.abort();
      if (request) this.state("Cancelled. Nothing was changed.");
    }

    send(again = false) {
      this.request?.abort();
      this.staged = null;
      this.problem(null);
      const request = new XMLHttpRequest();
      this.request = request;
      request.open("POST", `/v1/ingest?${this.query}`);
      request.setRequestHeader("X-Form-Token", session.token);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.addEventListener("progress", (sent) => {
        if (this.request !== request) return;
        const part = sent.total ? sent.loaded / sent.total : 1;
        this.part("progress").value = part;
        this.state(part < 1 ? `${Math.floor(part * 100)} % sent` : "Sent. The server reads the file.", true);
      });
      request.addEventListener("load", () => this.request === request && this.answered(request, again));
      request.addEventListener("error", () => {
        if (this.request !== request) return;
        this.request = null;
        this.problem(element("p", "The connection was lost. Nothing was changed. Check the file again."));
        this.state("");
      });
      this.part("progress").value = 0;
      this.state("Sending", true);
      request.send(this.file);
    }

    async answered(request, again) {
      let body;
      try {
        body = JSON.parse(request.responseText);
      } catch {
        body = { title: `Status ${request.status}`, detail: "The answer cannot be read." };
      }
      const renewed = !again && (await session.renewed(request.status, body.code).catch(() => false));
      if (this.request !== request) return;
      this.request = null;
      if (renewed) {
        this.send(true);
        return;
      }
      if (request.status !== 200) {
        this.problem(explanation(body));
        this.state("");
        return;
      }
      this.staged = body.staged;
      this.showColumns(body.schema, new Map(body.type_reasons.map((each) => [each.name, each])));
      const bad = body.rows_quarantined ? `, ${body.rows_quarantined.toLocaleString("en")} in quarantine` : "";
      const rows = body.rows_ingested ?? 0;
      this.state(`${rows.toLocaleString("en")} ${rows === 1 ? "row" : "rows"}${bad}: ready to load`);
    }

    showColumns(columns, reasons) {
      const rows = columns.map((column) => {
        const choice = document.getElementById("type-choice").content.firstElementChild.cloneNode(true);
        choice.setAttribute("aria-label", `Type of ${column.name}`);
        choice.value = this.types.get(column.name) ?? "";
        choice.addEventListener("change", () => {
          if (choice.value) this.types.set(column.name, choice.value);
          else this.types.delete(column.name);
          this.send();
        });
        const name = element("th", column.name);
        name.scope = "row";
        const isTyped = this.option("format").value === "parquet";
        const cell = isTyped ? element("td", "as stored") : element("td", "", choice);
        const { line, reason } = reasons.get(column.name) ?? { line: null, reason: "" };
        const why = element("td", line === null ? reason : `Line ${line.toLocaleString("en")}: ${reason}`);
        why.className = "reason";
        return element("tr", "", name, element("td", "", element("code", TYPE_WORDS[column.type] ?? column.type)), why, cell);
      });
      this.part("columns").querySelector("tbody").replaceChildren(...rows);
      this.part("columns").hidden = false;
    }
  }

  function showLoad() {
    const all = [...cards];
    const ready = all.filter((card) => card.staged !== null).length;
    loadForm.hidden = !all.length;
    loadButton.disabled = loading || !all.length || ready < all.length;
    loadButton.textContent = all.length > 1 ? `Load ${all.length} files as one change` : "Load";
    document.getElementById("load-note").textContent =
      all.length && ready < all.length ? `${ready} of ${all.length} ${all.length === 1 ? "file" : "files"} ready` : "";
  }

  function add(files) {
    outcome.replaceChildren();
    for (const file of files) {
      const card = new Card(file);
      cards.add(card);
      document.getElementById("cards").append(card.node);
      card.send();
    }
  }

  // The key stays the same while the same files wait: a load whose answer was lost is not made twice.
  let key = { of: "", value: "" };
  function keyOf(ids) {
    const of = ids.join();
    if (key.of !== of) key = { of, value: crypto.getRandomValues(new Uint32Array(4)).join("-") };
    return key.value;
  }

  async function load(again = false) {
    const all = [...cards];
    const ids = all.map((card) => card.staged);
    const headers = { "Content-Type": "application/json", "X-Form-Token": session.token, "Idempotency-Key": keyOf(ids) };
    const reason = document.getElementById("reason").value.trim();
    if (reason) headers["X-Change-Reason"] = encodeWords(reason);
    const body = JSON.stringify({ changes: ids.map((staged) => ({ op: "commit", staged })) });
    const answer = await fetch("/v1/catalog/transaction", { method: "POST", headers, body });
    const found = await answer.json();
    if (!answer.ok && !again && (await session.renewed(answer.status, found.code))) return load(true);
    if (!answer.ok) {
      outcome.replaceChildren(element("div", "", explanation(found)));
      outcome.firstChild.className = "notice bad";
      return;
    }
    const names = [...new Set(all.map((card) => card.option("name").value))];
    const links = names.map((name) => {
      const link = element("a", name);
      link.href = `${root.dataset.datasetRoot}${encodeURIComponent(name)}`;
      return element("li", "", link);
    });
    const box = element("div", "", element("strong", `Loaded with event ${found.seq}.`), element("ul", "", ...links));
    box.className = "notice good";
    outcome.replaceChildren(box);
    for (const card of all) card.node.remove();
    cards.clear();
  }

  // A header holds Latin-1: other text goes as its UTF-8 bytes, which the server reads as UTF-8.
  function encodeWords(text) {
    return String.fromCharCode(...new TextEncoder().encode(text));
  }

  loadForm.addEventListener("submit", (event) => {
    event.preventDefault();
    loading = true;
    showLoad();
    load()
      .catch(() => {
        const note = element("p", "The connection was lost. Load again; the files are not loaded twice.");
        note.className = "notice bad";
        outcome.replaceChildren(note);
      })
      .finally(() => {
        loading = false;
        showLoad();
      });
  });

  const drop = document.getElementById("drop");
  const chosen = document.getElementById("files");
  chosen.addEventListener("change", () => {
    add(chosen.files);
    chosen.value = "";
  });
  for (const name of ["dragenter", "dragover"]) {
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    add(event.dataTransfer.files);
  });
})();
