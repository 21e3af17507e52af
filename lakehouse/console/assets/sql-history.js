// The statements that were run in this browser, newest first. They stay in its local storage.

const KEY = "lakehouse.sql.history";
const MOST = 100, LONGEST = 20_000;

/** The statements: `[{q, at, rows, ms, outcome}]`; `owner` keeps those of several principals apart. */
export function remembered(owner) {
  try {
    const found = JSON.parse(localStorage.getItem(`${KEY}.${owner}`) ?? "[]");
    return Array.isArray(found) ? found.filter((each) => typeof each?.q === "string") : [];
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof DOMException) return [];
    throw error;
  }
}

/** Add a statement; one that is there already moves to the top. Without storage nothing is remembered. */
export function remember(owner, entry) {
  if (entry.q.length > LONGEST) return;
  const others = remembered(owner).filter(({ q }) => q !== entry.q);
  store(owner, [entry, ...others].slice(0, MOST));
}

export function forgetAll(owner) {
  store(owner, []);
}

function store(owner, entries) {
  try {
    localStorage.setItem(`${KEY}.${owner}`, JSON.stringify(entries));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}
