// Before a form is sent: whether the server answers, and whether the session is still that of this page. If not,
// the page stays with what was typed, and says what to do.
"use strict";

(() => {
  const session = globalThis.lakehouseSession;
  const checked = new WeakSet(), waiting = new WeakSet();

  function guards(form) {
    return form.method === "post" && form.querySelector("[name=form_token]") && !form.querySelector("[name=token]");
  }

  /** Why the form is not sent now, as nodes; null if it can be sent. */
  async function obstacle() {
    let now;
    try {
      now = await session.now();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return ["The server does not answer. Nothing was sent. What is on this page stays: send it again later."];
    }
    if (now.status === 401) {
      return ["The session has ended. Nothing was sent. What is on this page stays. ", session.link(), ", then send it again."];
    }
    if (now.token && now.principal !== document.body.dataset.principal) {
      return [`You are signed in as ${now.principal} now. Nothing was sent: this page is of ${document.body.dataset.principal}.`];
    }
    if (now.token) session.adopt(now.token);
    return null;
  }

  function show(form, nodes) {
    form.querySelector(".not-sent")?.remove();
    if (!nodes) return;
    const note = document.createElement("div");
    note.className = "notice bad form-fault not-sent";
    note.tabIndex = -1;
    note.setAttribute("role", "alert");
    note.append(...nodes);
    form.append(note);
    note.focus();
  }

  document.addEventListener("submit", (event) => {
    const { target: form, submitter } = event;
    if (event.defaultPrevented || !guards(form) || checked.delete(form)) return;
    event.preventDefault();
    if (waiting.has(form)) return;
    waiting.add(form);
    obstacle()
      .then((nodes) => {
        show(form, nodes);
        if (nodes) return;
        checked.add(form);
        form.requestSubmit(submitter?.isConnected ? submitter : null);
      })
      .finally(() => waiting.delete(form));
  });
})();
