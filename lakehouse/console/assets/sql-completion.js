// What can be completed where: relations after FROM and JOIN, columns of the relations that the statement names.
// Keywords come from the language itself.

import { KEYWORDS } from "console/sql-dialect.js";

const WORD = /(?:"(?:[^"]|"")*"?|[\p{L}\p{N}_$]+)$/u;
const QUALIFIED = /((?:"(?:[^"]|"")+"|[\p{L}\p{N}_$]+)(?:\.(?:"(?:[^"]|"")+"|[\p{L}\p{N}_$]+))?)\.("?[\p{L}\p{N}_$ ]*)$/u;
const NOT_ALIASES = "where|group|order|having|limit|join|left|right|inner|outer|full|cross|natural|on|using|union|except|"
  + "intersect|at|asof|positional|semi|anti|qualify|window|sample|tablesample|pivot|unpivot";
const NAME = '(?:"(?:[^"]|"")+"|[\\p{L}\\p{N}_$]+)';
const RELATION = `(${NAME}(?:\\.${NAME})?)(?:\\s+(?:as\\s+)?(?!(?:${NOT_ALIASES})\\b)(${NAME}))?`;
const FIRST = new RegExp(`\\b(?:from|join|describe|summarize|table|pivot|unpivot)\\s+${RELATION}`, "giu");
const FURTHER = new RegExp(`\\s*,\\s*${RELATION}`, "iuy");
const AFTER_FROM = /\b(?:from|join|describe|summarize|table)\s+"?[\p{L}\p{N}_$.]*$|\bfrom\s+[^()]*,\s*"?[\p{L}\p{N}_$.]*$/iu;
const RESERVED = new Set(KEYWORDS.trim().split(/\s+/));
const PLAIN = /^[a-z_][a-z0-9_$]*$/i;

/** A name as SQL needs it. */
export function quoted(name) {
  const isPlain = PLAIN.test(name) && !RESERVED.has(name.toLowerCase());
  return isPlain ? name : `"${name.replaceAll('"', '""')}"`;
}

function unquoted(name) {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** The relations that a statement reads: their names, and the aliases that it gives them. */
export function relationsIn(text) {
  const found = new Map();
  const add = ([, name, alias]) => {
    const relation = name.split(/\.(?=(?:[^"]*"[^"]*")*[^"]*$)/).map(unquoted).join(".");
    found.set(relation.toLowerCase(), relation);
    if (alias !== undefined) found.set(unquoted(alias).toLowerCase(), relation);
  };
  for (const first of text.matchAll(FIRST)) {
    add(first);
    FURTHER.lastIndex = first.index + first[0].length;
    for (let next = FURTHER.exec(text); next !== null; next = FURTHER.exec(text)) add(next);
  }
  return found;
}

/** A source of completions. `names` has `relations()` → [{name, kind, detail}] and `columns(name)` → [{name, type}]. */
export function completionsOf(names) {
  return async (context) => {
    try {
      return await completions(names, context);
    } catch (error) {
      if (error instanceof TypeError) return null; // The server was not reached; keywords are still completed.
      throw error;
    }
  };
}

async function completions(names, context) {
  const before = context.state.sliceDoc(Math.max(0, context.pos - 4000), context.pos);
  const text = context.state.doc.toString();
  const qualified = QUALIFIED.exec(before);
  if (qualified !== null) {
    const [, qualifier, typed] = qualified;
    return answer(context.pos - typed.length, await qualifiedBy(names, unquoted(qualifier), relationsIn(text)));
  }
  const word = WORD.exec(before);
  if (word === null && !context.explicit) {
    if (!/\b(?:from|join)\s$/i.test(before)) return null;
  }
  const from = context.pos - (word?.[0].length ?? 0);
  if (AFTER_FROM.test(before)) return answer(from, await relationOptions(names));
  return answer(from, await columnOptions(names, relationsIn(text)));
}

function answer(from, options) {
  return options.length === 0 ? null : { from, options, validFor: /^"?[\p{L}\p{N}_$]*$/u };
}

async function qualifiedBy(names, qualifier, relations) {
  const name = relations.get(qualifier.toLowerCase());
  if (name !== undefined) return columnsOf(names, name, 1);
  const prefix = `${qualifier.toLowerCase()}.`;
  return (await names.relations())
    .filter((each) => each.name.toLowerCase().startsWith(prefix))
    .map((each) => ({ label: each.name.slice(prefix.length), type: "class", detail: each.kind }));
}

async function relationOptions(names) {
  return (await names.relations()).map(({ name, kind, detail }) => ({
    label: name, apply: name.startsWith("lake.") ? name : quoted(name), type: "class", detail: detail ?? kind,
    boost: name.startsWith("lake.") ? -10 : 0,
  }));
}

async function columnOptions(names, relations) {
  const lists = await Promise.all([...new Set(relations.values())].map((name) => columnsOf(names, name, 2)));
  return lists.flat();
}

async function columnsOf(names, relation, boost) {
  return (await names.columns(relation)).map(({ name, type }) => ({
    label: name, apply: quoted(name), type: "property", detail: type, boost,
  }));
}
