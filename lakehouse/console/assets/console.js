// What every page of the console does with a script: it enhances forms that work without one.
"use strict";

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
});

// A form that was sent is busy until the next page is there.
document.addEventListener("submit", (event) => {
  if (!event.defaultPrevented) event.submitter?.setAttribute("aria-busy", "true");
});
addEventListener("pageshow", () => {
  for (const each of document.querySelectorAll("button[aria-busy]")) each.removeAttribute("aria-busy");
});

// A button copies a text and says so for a moment. Without TLS there is no clipboard: the text is selected then.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copies]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copies), label = button.textContent;
  if (navigator.clipboard) await navigator.clipboard.writeText(source.value ?? source.textContent);
  else if (source.select) source.select();
  else getSelection().selectAllChildren(source);
  button.textContent = navigator.clipboard ? "Copied" : "Selected: copy it now";
  setTimeout(() => (button.textContent = label), 1500);
});

// A menu closes when the focus leaves it, or Escape is pressed.
for (const menu of document.querySelectorAll("details.menu")) {
  menu.addEventListener("focusout", (event) => {
    if (!menu.contains(event.relatedTarget)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

// A lost connection is shown; the next answer, or the browser being online again, removes the note.
function connection(isLost) {
  let note = document.getElementById("lost");
  if (isLost && !note) {
    note = document.createElement("p");
    note.id = "lost";
    note.className = "lost";
    note.setAttribute("role", "alert");
    note.textContent = "The server does not answer. What you see may be old.";
    document.body.append(note);
  } else if (!isLost && note) {
    note.remove();
  }
}
document.addEventListener("htmx:error", () => connection(true));
document.addEventListener("htmx:after:request", () => connection(false));
window.addEventListener("offline", () => connection(true));
window.addEventListener("online", () => connection(false));
