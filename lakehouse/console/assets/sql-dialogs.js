// What opens over the SQL page: a whole cell, the address to share, saving a view; and how a problem is shown.

import { problemOf } from "console/sql-run.js";
import { count, element, visible } from "console/sql-text.js";

const at = (id) => document.getElementById(id);

export class Dialogs {
  #api;
  #state;
  #sql = "";

  constructor(api, state) {
    this.#api = api;
    this.#state = state;
    for (const button of document.querySelectorAll("dialog [data-close]")) {
      button.addEventListener("click", () => button.closest("dialog").close());
    }
    at("save-form")?.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
  }

  /** Show a whole value, with its line breaks. */
  showCell({ name, type }, cell, row) {
    at("cell-title").textContent = `${visible(name)}, row ${(row + 1).toLocaleString("en-US")}`;
    at("cell-type").textContent = cell === null ? `${type} · NULL` : `${type} · ${count([...cell].length, "character")}`;
    at("cell-value").textContent = cell === null ? "NULL" : visible(pretty(cell, type));
    at("cell-value").classList.toggle("null", cell === null);
    at("cell-dialog").showModal();
  }

  /** Show the address of this page, and the one that stays as of the event that was read. */
  share(path, seq) {
    const here = new URL(path, location.href);
    at("share-here").value = here.href;
    const fixed = seq !== null && seq !== undefined && !this.#state().as_of;
    at("share-fixed-row").hidden = !fixed;
    if (fixed) {
      here.searchParams.set("as_of", seq);
      at("share-fixed").value = here.href;
    }
    at("share-dialog").showModal();
  }

  saveView(sql) {
    this.#sql = sql;
    at("save-replace-row").hidden = true;
    at("save-form").elements.replace.checked = false;
    at("save-problem").replaceChildren();
    at("save-done").hidden = true;
    at("save-dialog").showModal();
  }

  async #save() {
    const { name, comment, reason, replace } = at("save-form").elements;
    const path = `/v1/catalog/view/${encodeURIComponent(name.value.trim())}`;
    at("save-problem").replaceChildren();
    try {
      if (!replace.checked && (await this.#api.read(path)) !== null) {
        at("save-replace-row").hidden = false;
        replace.focus();
        return;
      }
      const body = { sql: this.#sql, ...(comment.value && { comment: comment.value }) };
      const headers = reason.value ? { "X-Change-Reason": headerText(reason.value) } : {};
      const response = await this.#api.send("PUT", path, body, { headers });
      if (!response.ok) {
        const problem = await problemOf(response);
        return this.showProblem(at("save-problem"), problem, null, problem.detail);
      }
      const { name: saved, seq } = await response.json();
      at("save-done").hidden = false;
      at("save-done").replaceChildren(`Saved as view ${visible(saved)} (event ${seq}). `,
        element("a", { href: `/console/view/${encodeURIComponent(saved)}`, textContent: "Open the view" }));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      at("save-problem").textContent = "The server was not reached: the view may not be saved.";
    }
  }

  /** Show a problem document in `host`: what happened, where, and what to do. */
  showProblem(host, refused, place, message) {
    const ended = lakehouseSession.hasEnded(refused), problem = lakehouseSession.explained(refused);
    const where = place === null ? [] : [" ", element("span", { className: "where", textContent: `Line ${place.line}, column ${place.column}` })];
    host.replaceChildren(element("div", { className: "problem", role: "alert" },
      element("h2", {}, problem.title, ...where),
      element("pre", { textContent: visible((ended ? problem.detail : message) ?? "") }),
      element("p", { textContent: problem.hint ?? "" }, ...(ended ? [" ", lakehouseSession.link()] : [])),
      element("p", { className: "quiet", textContent: `${problem.code} · request ${problem.request_id ?? "unknown"}` })));
  }
}

/** A header carries bytes: the text's UTF-8, each byte as one character. */
function headerText(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/** Nested values with line breaks, unless a number in them has more digits than a double holds. */
function pretty(cell, type) {
  if (/[\d.]{16}/.test(cell) || !/^(STRUCT|MAP|JSON)|\[\d*\]$/.test(type)) return cell;
  try {
    return JSON.stringify(JSON.parse(cell), null, 2);
  } catch (error) {
    if (error instanceof SyntaxError) return cell;
    throw error;
  }
}
