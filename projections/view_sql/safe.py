"""The SQL text of a safe view: another relation, with its columns masked. Pure: it never runs SQL.

`hash` is HMAC-SHA-256 (RFC 2104) in terms of DuckDB's sha256. Must never show a column that the
definition does not name: what comes later, or is spelled otherwise, is null.
"""

import re
from collections.abc import Sequence

from journal.column_names import folded
from journal.events import Column, SafeView
from projections.view_sql.datasets import quoted

CONSTANT = "constant:"
MASKS = ("hash", "last4", "year", "null")
"""Beside `constant:<text>`."""
_NESTED = re.compile(r"(\[\d*\]\Z)|\A(STRUCT|MAP|UNION|VARIANT)\b")
_OF_TIME = re.compile(r"\A(DATE|TIMESTAMP)")
_BLOCK_BYTES = 64


def masks_hash(safe: SafeView) -> bool:
    """Whether the lake's mask key is needed."""
    return any(mask == "hash" for _, mask in safe.masks)


def mask_fault(safe: SafeView, columns: Sequence[Column]) -> str | None:
    """Why a definition does not fit these columns (DuckDB's names of types), or None."""
    types = {folded(column.name): column.type for column in columns}
    named = [name for name, _ in safe.masks] + list(safe.unmasked)
    if unknown := [name for name in named if folded(name) not in types]:
        return f"{safe.of} has no column {unknown[0]!r}"
    lower = [folded(name) for name in named]
    if twice := [name for name in named if lower.count(folded(name)) > 1]:
        return f"the column {twice[0]!r} is named twice"
    for name, mask in safe.masks:
        if fault := _unfit(mask, types[folded(name)]):
            return f"column {name!r}: {fault}"
    return None


def masked_sql(safe: SafeView, columns: Sequence[Column], key: bytes) -> str:
    """The view's SELECT over the relation that it is of, which has these columns.

    A mask that does not fit its column's type any more is `null`.
    """
    masks = {folded(name): mask for name, mask in safe.masks}
    shown = {folded(name) for name in safe.unmasked}
    selected = [
        quoted(column.name)
        if folded(column.name) in shown
        else f"{_masked(column, masks.get(folded(column.name), 'null'), key)} AS {quoted(column.name)}"
        for column in columns
    ]
    where = f" WHERE (\n{safe.rows}\n)" if safe.rows is not None else ""
    return f"SELECT {', '.join(selected)} FROM {quoted(safe.of)}{where}"  # noqa: S608  names are quoted, rows judged


def _unfit(mask: str, type_: str) -> str | None:
    if mask not in MASKS and not mask.startswith(CONSTANT):
        return f"{mask[:64]!r} is no mask; use {', '.join(MASKS)} or {CONSTANT}<text>"
    if _NESTED.search(type_) and mask != "null" and not mask.startswith(CONSTANT):
        return f"{mask} does not mask lists, structs and maps; use null or {CONSTANT}<text>"
    if mask == "year" and not _OF_TIME.search(type_):
        return f"year masks dates and timestamps, not {type_}"
    return None


def _masked(column: Column, mask: str, key: bytes) -> str:
    name = quoted(column.name)
    text = f"CAST({name} AS VARCHAR)"
    if _unfit(mask, column.type) is not None or mask == "null":
        return f"CAST(NULL AS {column.type})"
    if mask == "hash":
        return _hmac(text, key)
    if mask == "last4":
        stars = f"repeat('*', length({text}) - 4) || right({text}, 4)"
        return f"CASE WHEN length({text}) > 4 THEN {stars} ELSE repeat('*', length({text})) END"
    if mask == "year":
        return f"CAST(year({name}) AS INTEGER)"
    constant = mask.removeprefix(CONSTANT).replace("'", "''")
    return f"CASE WHEN {name} IS NULL THEN NULL ELSE '{constant}' END"


def _hmac(text: str, key: bytes) -> str:
    block = key.ljust(_BLOCK_BYTES, b"\0")
    inner, outer = (_blob(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
    return f"sha256({outer} || unhex(sha256({inner} || encode({text}))))"


def _blob(data: bytes) -> str:
    return "'" + "".join(f"\\x{byte:02X}" for byte in data) + "'::BLOB"
