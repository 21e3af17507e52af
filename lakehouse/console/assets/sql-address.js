// The state of the SQL page in its address: statement, moment, profile, and what is shown of the result.

const SERIES = ["y", "y2", "y3", "y4", "y5", "y6"];

/** `{q, as_of, profile, chart: null | {kind, x, y}}` of an address. */
export function stateOf(address) {
  const given = new URL(address).searchParams;
  const y = SERIES.map((name) => given.get(name)).filter((name) => name !== null);
  const chart = given.has("chart") ? { kind: given.get("chart"), x: given.get("x") ?? "", y } : null;
  return { q: given.get("q") ?? "", as_of: given.get("as_of") ?? "", profile: given.get("profile") ?? "", chart };
}

/** The address of a state. */
export function addressOf(path, { q, as_of, profile, chart }) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ q, as_of, profile })) if (value) query.set(name, value);
  if (chart !== null) {
    query.set("chart", chart.kind);
    query.set("x", chart.x);
    chart.y.slice(0, SERIES.length).forEach((name, at) => query.set(SERIES[at], name));
  }
  return `${path}?${query}`;
}

/** Where the API answers the same in another format. */
export function exportOf({ q, as_of, profile }, format) {
  const query = new URLSearchParams({ q, format });
  for (const [name, value] of Object.entries({ as_of, profile })) if (value) query.set(name, value);
  return `/v1/sql?${query}`;
}
