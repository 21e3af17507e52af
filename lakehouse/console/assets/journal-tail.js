// The live tail of the journal: when an event arrives, the list is fetched again and replaced.
"use strict";

(() => {
  const badge = document.getElementById("tail");
  const PAUSE_MS = 500;
  let waiting = false;

  function state(text, kind) {
    badge.textContent = text;
    badge.className = `badge ${kind}`;
  }

  function renewSoon() {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      htmx.trigger(badge, "renew");
    }, PAUSE_MS);
  }

  const query = new URLSearchParams(location.search);
  const asked = new URLSearchParams({ after: badge.dataset.tail });
  for (const name of ["type", "dataset"]) if (query.get(name)) asked.set(name, query.get(name));
  const stream = new EventSource(`/v1/journal/stream?${asked}`);
  stream.addEventListener("open", () => state("Live", "good"));
  stream.addEventListener("error", () => state("Reconnecting…", "warn"));
  stream.addEventListener("message", renewSoon);
  stream.addEventListener("end", renewSoon);
  window.addEventListener("pagehide", () => stream.close());
})();
