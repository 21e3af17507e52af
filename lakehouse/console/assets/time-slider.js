// The time slider: says which event the handle is at while it moves, and goes there when it is let go.
// Without it the slider is a field of a form, sent by its button.
"use strict";

{
  const slider = document.querySelector("input[data-time-slider]");
  const SETTLES_MS = 120;

  /** The event with this number, as far as the visitor sees it: its time, its type and what it is about. */
  async function describe(seq) {
    if (seq === 0) return "before the first event";
    const response = await fetch(`/v1/journal/events?after=${seq - 1}&limit=1`);
    if (!response.ok) return "";
    const event = (await response.json()).events[0];
    if (event === undefined || event.seq !== seq) return "";
    const names = new Set(event.about.map(({ entity }) => entity.slice(entity.indexOf(":") + 1)));
    const time = `${event.at.slice(0, 10)} ${event.at.slice(11, 19)} UTC`;
    return [time, event.type.replaceAll("_", " "), ...names].filter(Boolean).join(" · ");
  }

  function enhance() {
    const shown = document.getElementById("as-of-shown"), described = document.getElementById("as-of-event");
    const known = new Map();
    let timer = 0, byPointer = false;

    async function show(seq) {
      if (!known.has(seq)) known.set(seq, await describe(seq).catch(() => ""));
      if (Number(slider.value) === seq) described.textContent = known.get(seq);
    }

    // Of a past moment that is shown the event is named from the start.
    const note = document.getElementById("as-of-note");
    if (note !== null) describe(Number(slider.value)).then((text) => (note.textContent = text)).catch(() => {});

    slider.addEventListener("input", () => {
      const seq = Number(slider.value);
      shown.textContent = seq.toLocaleString("en-US");
      clearTimeout(timer);
      timer = setTimeout(() => show(seq), SETTLES_MS);
    });
    slider.addEventListener("pointerdown", () => (byPointer = true));
    slider.addEventListener("keydown", (event) => {
      byPointer = false;
      if (event.key === "Enter") slider.form.requestSubmit();
    });
    // By keyboard each step is a change: the visitor goes on with Enter or the button.
    slider.addEventListener("change", () => byPointer && slider.form.requestSubmit());
    // At its end the slider means the present, which has no place in the address.
    slider.form.addEventListener("submit", () => (slider.disabled = slider.value === slider.max));
    addEventListener("pageshow", () => (slider.disabled = false));
  }

  if (slider !== null) enhance();
}
