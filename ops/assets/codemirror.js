// What the console uses of CodeMirror, as one module. ops/console-assets bundles it.
export { EditorState, Compartment, Prec, StateEffect, StateField } from "@codemirror/state";
export {
  EditorView, Decoration, keymap, placeholder, drawSelection, highlightActiveLine,
  highlightSpecialChars, lineNumbers, tooltips,
} from "@codemirror/view";
export { defaultKeymap, history, historyKeymap, indentWithTab, toggleTabFocusMode } from "@codemirror/commands";
export {
  HighlightStyle, bracketMatching, indentOnInput, syntaxHighlighting, syntaxTree,
} from "@codemirror/language";
export {
  acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completeFromList,
  completionKeymap, ifNotIn, startCompletion, completionStatus,
} from "@codemirror/autocomplete";
export { linter, lintGutter, lintKeymap, setDiagnostics, forEachDiagnostic } from "@codemirror/lint";
export { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
export { PostgreSQL, SQLDialect, sql } from "@codemirror/lang-sql";
export { tags } from "@lezer/highlight";
