// The relations and columns that a statement can name, asked of the lake once for each moment and profile.
// They are what the principal sees: the answers come from the queries that it may run.

const MOST_RELATIONS = 20_000;
const RELATIONS = "SELECT name FROM lake.datasets UNION ALL SELECT name FROM lake.views ORDER BY 1";
// Under a profile names are others. It binds every relation: 8 s for 10,000 datasets, where the other takes 0.2 s.
const UNDER_PROFILE = "SELECT table_name FROM information_schema.tables ORDER BY 1";

export class Names {
  #api;
  #systemViews;
  #isProfiled;
  #state = {};
  #relations = null;
  #columns = new Map();

  /** `isProfiled`: whether the principal reads under a profile whatever it chooses. */
  constructor(api, systemViews, isProfiled) {
    this.#api = api;
    this.#isProfiled = isProfiled;
    this.#systemViews = systemViews;
  }

  /** Use another moment or profile from now on. */
  use({ as_of, profile }) {
    if (as_of === this.#state.as_of && profile === this.#state.profile) return;
    this.#state = { as_of, profile };
    this.#relations = null;
    this.#columns.clear();
  }

  /** All relations: `[{name, kind}]`. */
  async relations() {
    this.#relations ??= this.#ask(this.#isProfiled || this.#state.profile ? UNDER_PROFILE : RELATIONS).then((rows) => [
      ...rows.slice(0, MOST_RELATIONS).map(([name]) => ({ name, kind: "relation" })),
      ...this.#systemViews.map((name) => ({ name: `lake.${name}`, kind: "system view" })),
    ]);
    const asked = this.#relations;
    return asked.catch((error) => {
      if (this.#relations === asked) this.#relations = null;
      throw error;
    });
  }

  /** The columns of a relation: `[{name, type}]`; none if there is no such relation. */
  async columns(relation) {
    const key = relation.toLowerCase();
    const known = (await this.relations()).find(({ name }) => name.toLowerCase() === key);
    if (known === undefined) return [];
    if (!this.#columns.has(key)) this.#columns.set(key, this.#describe(known));
    const found = await this.#columns.get(key);
    if (found.length === 0) this.#columns.delete(key); // A refusal may be of the moment: ask again.
    return found;
  }

  async #describe({ name, kind }) {
    const text = kind === "system view" ? name : `"${name.replaceAll('"', '""')}"`;
    return (await this.#ask(`DESCRIBE ${text}`)).map(([column, type]) => ({ name: column, type }));
  }

  async #ask(sql) {
    const { as_of, profile } = this.#state;
    const body = { sql, ...(as_of && { as_of }), ...(profile && { profile }) };
    const response = await this.#api.send("POST", "/v1/sql", body);
    return response.ok ? (await response.json()).rows : [];
  }
}
