// Requests of the console's scripts to the API of this origin. Owns the proof that a change comes from this page.

/** Sends requests with the form token of the page. */
export class Api {
  /**
   * Send a request; the answer is returned whatever its status is. Throws TypeError if there is none.
   * A request whose form token is of an earlier session is sent once more with that of the present one.
   */
  async send(method, path, body = undefined, options = {}) {
    const answer = await this.#send(method, path, body, options);
    if (answer.status !== 403) return answer;
    const { code } = await answer.clone().json().catch(() => ({}));
    return (await lakehouseSession.renewed(403, code)) ? this.#send(method, path, body, options) : answer;
  }

  #send(method, path, body, { headers = {}, signal } = {}) {
    const sent = { ...headers };
    if (method !== "GET") sent["X-Form-Token"] = lakehouseSession.token;
    if (body !== undefined) sent["Content-Type"] = "application/json";
    return fetch(path, {
      method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body),
      signal, cache: "no-store", redirect: "error",
    });
  }

  /** The JSON of a GET; null if it was refused. */
  async read(path) {
    const response = await this.send("GET", path);
    return response.ok ? response.json() : null;
  }
}

/** Only this module can use the policy; browsers without Trusted Types need none. */
const PAGES = globalThis.trustedTypes?.createPolicy("console", { createHTML: (text) => text });

/** A page of this console that the server renders now, its scripts inert; null if it was refused or not reached. */
export async function fetchPage(url) {
  const response = await fetch(url, { cache: "no-store" }).catch((error) => {
    if (!(error instanceof TypeError)) throw error;
    return null;
  });
  if (!response?.ok) return null;
  const text = await response.text(), page = document.createElement("template");
  page.innerHTML = PAGES?.createHTML(text) ?? text;
  return page.content;
}
