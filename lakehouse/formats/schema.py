"""Columns and their fingerprint: the words in which ingest and the catalog agree on a schema.

Pure data. It never looks at a file.
"""

import enum
import hashlib
from collections.abc import Callable, Iterable

import msgspec

from journal.events import Column, Renamed
from lakehouse.formats.types import DOUBLE, INT64, STRING

__all__ = [
    "Column",
    "ColumnDifference",
    "Contract",
    "Renamed",
    "SchemaPolicy",
    "Wanted",
    "differences",
    "fingerprint",
]

Wanted = Callable[[tuple[str, ...]], tuple[str | None, ...]]
"""From a file's column names the type that each column's values must be of, None where any will do."""


class SchemaPolicy(enum.Enum):
    """What happens to a file whose values do not all fit its contract."""

    KEEP = "keep"
    """The file differs; with `on_error=quarantine` the rows that do not fit are set aside."""
    COMPARE = "compare"
    """The file differs, and no row is set aside for it."""
    REPLACE = "replace"
    """The file gets types of its own: the contract may be replaced."""
    WIDEN = "widen"
    """A column that does not fit becomes wider, the others stay; further columns may follow."""


class Contract(msgspec.Struct, frozen=True):
    """The schema of a dataset that exists already, in header order.

    `exact` names those int64 columns all of whose values there are the same as doubles: only they
    may become double.
    """

    columns: tuple[Column, ...]
    policy: SchemaPolicy = SchemaPolicy.KEEP
    exact: frozenset[str] = frozenset()

    def concerns(self, names: tuple[str, ...]) -> bool:
        """Whether a file with this header is read with the contract's types."""
        mine = tuple(column.name for column in self.columns)
        return mine == (names[: len(mine)] if self.policy is SchemaPolicy.WIDEN else names)

    def widened(self, column: Column, possible: tuple[str, ...]) -> str:
        """The type of a column that a file does not fit, whose values there can be of `possible`.

        It is what the table of types gives for the values of both.
        """
        exact = column.type == INT64 and column.name in self.exact
        return DOUBLE if exact and DOUBLE in possible else STRING


class ColumnDifference(msgspec.Struct, frozen=True):
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
) -> tuple[ColumnDifference, ...]:
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
        ColumnDifference(name, was.get(name), now.get(name), misfits.get(name))
        for name in was | now
        if was.get(name) != now.get(name) or (same_names and name in moved)
    )
