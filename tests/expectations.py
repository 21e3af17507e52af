"""What independent readers agree on about the 22 real files, as one check of any ingest.

The check knows nothing of how the table was made: whoever ingested a file, in process or over
HTTP, hands in a `Table` (or None for a refusal) and gets back what disagrees.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

_FILE = Path(__file__).parent / "data" / "expectations.json"

_KINDS = {
    "int": ("int64",),
    "float": ("double",),
    "bool": ("bool",),
    "date": ("date32[day]",),
    "timestamp": ("timestamp[us]", "timestamp[us, tz=UTC]"),
    "string": ("string",),
}
_LONG = "a value has more digits than the shortest decimal of its double"

# Where both other readers take a number, and section 4 keeps the text: nothing may be lost.
TEXT_BY_SECTION_4: Mapping[tuple[str, str], str] = {
    ("airports.csv", "lat"): _LONG,
    ("airports.csv", "lon"): _LONG,
    ("poll_tweets.csv", "id"): _LONG,
    ("readr_challenge.csv", "x"): _LONG,
}


class Table(msgspec.Struct, frozen=True):
    """An ingested file: names and Arrow type names of its columns, and how many rows it has."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    row_count: int


def expectations() -> dict[str, dict[str, Any]]:
    """The judgement of each file, by its name."""
    found: dict[str, dict[str, Any]] = json.loads(_FILE.read_text())
    return found


def disagreements(file: str, expected: Mapping[str, Any], table: Table | None) -> list[str]:
    """What is wrong with the `table` that `file` became, in words; None stands for a refusal."""
    if table is None or expected["verdict"] == "reject":
        allowed = {"accept": table is not None, "reject": table is None}
        return [] if allowed.get(expected["verdict"], True) else [f"verdict {expected['verdict']}"]
    wrong = [f"shape {_shape(table)}"] if _shape(table) != _expected_shape(expected) else []
    if expected["names_judged"] and list(table.names) != expected.get(
        "column_names", [*table.names]
    ):
        wrong.append(f"names {table.names}")
    types = dict(zip(table.names, table.types, strict=True))
    wrong += [
        f"{name}: {types.get(name)}, not {kind}"
        for name, kind in expected.get("kinds_agreed", {}).items()
        if types.get(name) not in _types(file, name, kind)
    ]
    return wrong + [
        f"{name}: {types.get(name)} loses leading zeros"
        for name in expected.get("leading_zero_columns", {})
        if types.get(name) != "string"
    ]


def cells_sha256(rows: Iterable[Sequence[str | None]]) -> str:
    """The hash that `expectations.json` has of a file's cells, every column read as text."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(("\x1f".join(cell or "" for cell in row) + "\x1e").encode())
    return digest.hexdigest()


def _shape(table: Table) -> tuple[int, int]:
    return table.row_count, len(table.names)


def _expected_shape(expected: Mapping[str, Any]) -> tuple[int, int]:
    return expected["n_rows"], expected["n_cols"]


def _types(file: str, name: str, kind: str) -> tuple[str, ...]:
    return ("string",) if (file, name) in TEXT_BY_SECTION_4 else _KINDS[kind]
