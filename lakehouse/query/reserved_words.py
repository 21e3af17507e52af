"""DuckDB's reserved words: names that SQL reads as something else unless they are quoted. Pure.

Written out, so that a command need not load DuckDB to know them; a test compares them with DuckDB's own.
"""

RESERVED = frozenset(
    {
        "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "both",
        "case", "cast", "check", "collate", "column", "constraint", "create", "default",
        "deferrable", "desc", "describe", "distinct", "do", "else", "end", "except", "false",
        "fetch", "for", "foreign", "from", "group", "having", "in", "initially", "intersect",
        "into", "lambda", "lateral", "leading", "limit", "not", "null", "offset", "on", "only",
        "or", "order", "pivot", "pivot_longer", "pivot_wider", "placing", "primary", "qualify",
        "references", "returning", "select", "show", "some", "summarize", "symmetric", "table",
        "then", "to", "trailing", "true", "union", "unique", "unpivot", "using", "variadic",
        "when", "where", "window", "with",
    }
)  # fmt: skip


def quoting_hint(name: str) -> str | None:
    """How to write a dataset of this name in SQL; None for a name that needs no quotes."""
    if name.lower() not in RESERVED:
        return None
    return f'{name} is a reserved word in SQL: write FROM "{name}"'
