// The SQL editor: CodeMirror in place of the textarea, with completion, and errors at their place.
// The textarea keeps the statement, so that the form still sends it.

import {
  EditorState, EditorView, HighlightStyle, Prec, SQLDialect, PostgreSQL, acceptCompletion, autocompletion,
  bracketMatching, closeBrackets, closeBracketsKeymap, completionKeymap, defaultKeymap, drawSelection,
  highlightActiveLine, highlightSelectionMatches, highlightSpecialChars, history, historyKeymap,
  indentOnInput, indentWithTab, keymap, lineNumbers, lintGutter, searchKeymap, setDiagnostics, sql,
  syntaxHighlighting, tags, toggleTabFocusMode,
} from "console/codemirror.js";
import { completionsOf } from "console/sql-completion.js";
import { FUNCTIONS, KEYWORDS, TYPES } from "console/sql-dialect.js";

const dialect = SQLDialect.define({
  ...PostgreSQL.spec,
  keywords: words(KEYWORDS),
  types: words(TYPES),
  builtin: words(FUNCTIONS),
  caseInsensitiveIdentifiers: true,
});

/** The words of a list, with single spaces between them. */
function words(list) {
  return list.trim().split(/\s+/).join(" ");
}

const colours = HighlightStyle.define([
  { tag: tags.keyword, class: "tok-keyword" },
  { tag: [tags.string, tags.special(tags.string)], class: "tok-string" },
  { tag: [tags.number, tags.bool, tags.null], class: "tok-number" },
  { tag: [tags.lineComment, tags.blockComment], class: "tok-comment" },
  { tag: [tags.typeName, tags.standard(tags.name)], class: "tok-type" },
]);

/** Put an editor in place of `textarea`. `names` answers what can be completed; `run` runs the statement. */
export function editorFor(textarea, { nonce, names, run, changed }) {
  const close = completionKeymap.find((each) => each.key === "Escape");
  const runs = { key: "Mod-Enter", run: (view) => (close.run(view), run(), true) };
  const view = new EditorView({
    state: EditorState.create({
      doc: textarea.value,
      extensions: [
        EditorView.cspNonce.of(nonce),
        Prec.highest(keymap.of([runs, { key: "Tab", run: acceptCompletion }])),
        lineNumbers(), highlightSpecialChars(), history(), drawSelection(), indentOnInput(),
        bracketMatching(), closeBrackets(), highlightActiveLine(), highlightSelectionMatches(), lintGutter(),
        sql({ dialect, keywordCompletion: wordCompletion }),
        dialect.language.data.of({ autocomplete: completionsOf(names) }),
        autocompletion({ icons: false }),
        syntaxHighlighting(colours),
        keymap.of([...closeBracketsKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap,
          { key: "Ctrl-m", run: toggleTabFocusMode }, ...defaultKeymap, indentWithTab]),
        EditorView.lineWrapping,
        EditorView.domEventHandlers({ beforeinput: typeOverSelection }),
        EditorView.contentAttributes.of({
          "aria-label": "SQL statement", "aria-describedby": "editor-keys", spellcheck: "false",
        }),
        EditorView.updateListener.of((update) => {
          if (!update.docChanged) return;
          textarea.value = update.state.doc.toString();
          changed();
        }),
      ],
    }),
  });
  textarea.hidden = true;
  textarea.after(view.dom);
  return new Editor(view);
}

/** Keywords are written in capitals, types and functions as DuckDB lists them. */
function wordCompletion(label, type) {
  return { label: type === "keyword" ? label.toUpperCase() : label, type, boost: -1 };
}

/** Replace what is selected, before Chromium does: it would copy the style of the old text into an attribute. */
function typeOverSelection(event, view) {
  const { main } = view.state.selection, text = event.data;
  if (event.inputType !== "insertText" || text === null || view.composing || main.empty) return false;
  event.preventDefault();
  const insertion = () => view.state.update(
    view.state.replaceSelection(text), { userEvent: "input.type", scrollIntoView: true });
  const handlers = view.state.facet(EditorView.inputHandler);
  if (!handlers.some((handle) => handle(view, main.from, main.to, text, insertion))) view.dispatch(insertion());
  return true;
}

class Editor {
  #view;

  constructor(view) {
    this.#view = view;
  }

  get text() {
    return this.#view.state.doc.toString();
  }

  /** Replace the statement, as one step that can be undone. */
  set text(text) {
    if (text === this.text) return;
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert: text } });
  }

  /** Put `text` in place of what is selected. */
  insert(text) {
    this.#view.dispatch(this.#view.state.replaceSelection(text));
    this.#view.focus();
  }

  focus() {
    this.#view.focus();
  }

  clearErrors() {
    this.#view.dispatch(setDiagnostics(this.#view.state, []));
  }

  /** Mark an error at its place, and move the cursor there. */
  showError({ line, column, length }, message) {
    const { doc } = this.#view.state;
    if (line > doc.lines) return;
    const { from: begin, to: end, text } = doc.line(line);
    const characters = [...text];
    const before = characters.slice(0, column - 1).join("").length;
    const marked = characters.slice(column - 1, column - 1 + length).join("").length;
    const from = Math.min(begin + before, end);
    const to = Math.min(from + Math.max(1, marked), doc.length);
    const diagnostic = { from: Math.min(from, to), to, severity: "error", message };
    this.#view.dispatch(setDiagnostics(this.#view.state, [diagnostic]));
    this.#view.dispatch({ selection: { anchor: from }, scrollIntoView: true });
  }
}
