"""Columns and their fingerprint: the words in which ingest and the catalog agree on a schema.

Pure data. It never looks at a file.
"""

import hashlib
from collections.abc import Callable, Iterable

import msgspec

from journal.events import Column, Renamed

__all__ = [
    "Column",
    "Contract",
    "Difference",
    "Renamed",
    "Wanted",
    "differences",
    "fingerprint",
]

Wanted = Callable[[tuple[str, ...]], tuple[str | None, ...]]
"""From a file's column names the type that each column's values must be of, None where any will do."""


class Contract(msgspec.Struct, frozen=True):
    """The schema of a dataset that exists already, in header order.

    A `binding` one is kept: with `on_error=quarantine` a row that does not fit it is set aside.
    """

    columns: tuple[Column, ...]
    binding: bool = True


class Difference(msgspec.Struct, frozen=True):
    """One column where a file and its contract differ; `was` or `is_` is None where it is absent.

    `line` is the file's first line whose value does not fit `was`; None where all values fit or
    where the headers differ, so that no value was judged.
    """

    name: str
    was: str | None
    is_: str | None
    line: int | None = None


def fingerprint(columns: Iterable[Column]) -> str:
    """Lower-case hex SHA-256 of `name 0x1f type 0x1e` for each column in order, UTF-8."""
    text = "".join(f"{column.name}\x1f{column.type}\x1e" for column in columns)
    return hashlib.sha256(text.encode()).hexdigest()


def differences(
    contract: Contract | None, columns: tuple[Column, ...], misfits: dict[str, int]
) -> tuple[Difference, ...]:
    """Every column that differs from `contract`, in the contract's order, then the file's.

    `misfits` maps a column to the first line whose value does not fit the contract. The same
    columns in another order differ in each column that stands elsewhere: with equal types, their
    `was` and `is_` are equal too.
    """
    if contract is None or contract.columns == columns:
        return ()
    was = {column.name: column.type for column in contract.columns}
    now = {column.name: column.type for column in columns}
    places = {column.name: place for place, column in enumerate(columns)}
    moved = {
        column.name
        for place, column in enumerate(contract.columns)
        if places.get(column.name) != place
    }
    same_names = was.keys() == now.keys()
    return tuple(
        Difference(name, was.get(name), now.get(name), misfits.get(name))
        for name in was | now
        if was.get(name) != now.get(name) or (same_names and name in moved)
    )
