// The session of an open page: when it has ended, the page keeps what it holds and goes on after a new sign-in.
"use strict";

globalThis.lakehouseSession = {
  /** The proof that a change comes from this page. */
  get token() {
    return document.body.dataset.formToken;
  },

  /** Whether a refusal means that the session ended. */
  hasEnded(problem) {
    return problem.code === "unauthenticated";
  },

  /** A problem in the words of a browser: what to do where the session ended. */
  explained(problem) {
    if (!this.hasEnded(problem)) return problem;
    return { ...problem, title: "The session has ended", detail: "What is on this page stays.", hint: "Sign in, then try again here." };
  },

  /** A link to sign in, which leaves this page open. */
  link() {
    const made = document.createElement("a");
    made.href = "/console/sign-in";
    made.target = "_blank";
    made.rel = "noopener";
    made.textContent = "Sign in in another tab";
    return made;
  },

  /** The session of the browser now: the status of a page, and its proof and principal where it has them. */
  async now(path = "/console/upload") {
    const answer = await fetch(path, { cache: "no-store" });
    const found = /<body data-form-token="([0-9a-f]+)" data-principal="([^"]*)">/.exec(await answer.text());
    return { status: answer.status, token: found?.[1], principal: found?.[2] };
  },

  /** Take the proof of another session of the same principal, for scripts and forms. */
  adopt(token) {
    document.body.dataset.formToken = token;
    for (const field of document.querySelectorAll("input[name=form_token]")) field.value = token;
  },

  /**
   * After a refusal: take the proof of the session that the browser has now, if that is of the same principal.
   * Whether the request may be sent again.
   */
  async renewed(status, code) {
    if (status !== 403 || code !== "stale_form") return false;
    const found = await this.now(location.pathname);
    if (found.status !== 200 || !found.token || found.principal !== document.body.dataset.principal) return false;
    this.adopt(found.token);
    return true;
  },
};
