"""Columns and their fingerprint: what ingest and the catalog say about a schema.

Pure data. It never reads a file.
"""

import enum
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from journal.bucket.keys import DIRECTION_MARK
from journal.events import Column, Renamed, Rounded
from lakehouse.domain.rules.schemas import ColumnProblem, column_problems, is_wider
from lakehouse.formats.types.logical import arrow_type
from lakehouse.formats.types.names import DOUBLE, INT64

__all__ = [
    "Column",
    "ColumnProblem",
    "Contract",
    "Renamed",
    "Rounded",
    "SchemaPolicy",
    "Wanted",
    "differences",
    "fingerprint",
    "name_fault",
]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

Wanted = Callable[[tuple[str, ...]], tuple[str | None, ...]]
"""From a file's column names the type that each column's values must be of, None where any will do."""


class SchemaPolicy(enum.Enum):
    """What happens to a file whose values do not all fit its contract."""

    KEEP = "keep"
    """The file differs; with `on_error=quarantine` the rows that do not fit go to quarantine."""
    COMPARE = "compare"
    """The file differs, and no row goes to quarantine for it."""
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

    def types(self) -> dict[str, str]:
        """The types by column, of those columns that text can be read as."""
        return {each.name: each.type for each in self.columns if arrow_type(each.type) is not None}

    def widened(self, column: Column, possible: Sequence[str]) -> str:
        """The type of a column that a file does not fit, whose values there can be of `possible`.

        The first that the column's type may become; `possible` ends in `string`, which it may.
        """
        return next(name for name in possible if self._may_become(column, name))

    def _may_become(self, column: Column, name: str) -> bool:
        if (column.type, name) == (INT64, DOUBLE):
            return column.name in self.exact
        return is_wider(column.type, name)

    def arranged(self, types: Mapping[str, str], *, missing_as_null: bool) -> tuple[Column, ...]:
        """A file's columns, with these types, in the contract's order; its further ones at the end.

        With `missing_as_null` the contract's columns that the file lacks are among them.
        """
        filled = self.types() if missing_as_null else {}
        names = [each.name for each in self.columns if each.name in types or each.name in filled]
        return tuple(
            Column(name, (filled | dict(types))[name]) for name in dict.fromkeys([*names, *types])
        )


def fingerprint(columns: Iterable[Column]) -> str:
    """Lower-case hex SHA-256 of `name 0x1f type 0x1e` for each column in order, UTF-8."""
    text = "".join(f"{column.name}\x1f{column.type}\x1e" for column in columns)
    return hashlib.sha256(text.encode()).hexdigest()


def differences(
    contract: Contract | None, columns: tuple[Column, ...], misfits: dict[str, int]
) -> tuple[ColumnProblem, ...]:
    """Every column that differs from `contract`, in the contract's order, then the file's.

    `misfits` maps a column to the first line whose value does not fit the contract.
    """
    return () if contract is None else column_problems(contract.columns, columns, misfits)


def name_fault(name: str) -> str | None:
    """What a file's column name holds that no column name may, or None."""
    if _CONTROL.search(name):
        return "a control character"
    if DIRECTION_MARK.search(name):
        return "a character that changes the direction of text"
    return None
