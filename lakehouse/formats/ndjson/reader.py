"""NDJSON: a file of JSON objects, one a line, becomes typed Parquet; nothing of a number is lost.

The file is read twice: once to learn its columns and their types, once to write. Columns stand in
the order in which they first appear, after those of a contract; what an object lacks is null.

| every value of a column that is not null is | type |
| --- | --- |
| `true` or `false` | `bool` |
| a number | what the CSV's table of types says of its digits: `int64`, `double`, else `string` |
| a string | `string`; a date or time only where `types` or the dataset's schema says so |
| an array or object | `string`: JSON without spaces, numbers as they were written |
| of several of these kinds | `string`: strings as they are, the others as JSON |
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.domain.progress import ProgressCallback
from lakehouse.formats.csv.header import name_columns
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.ndjson.columns import Kind, column, kinds_of
from lakehouse.formats.ndjson.lines import Line, parsed_lines
from lakehouse.formats.parquet.writer import ParquetFile, arrow_schema, typed, write_parquet
from lakehouse.formats.quarantine import Quarantined, QuarantinedRow, QuarantineWriter
from lakehouse.formats.refusals import refusal, shown
from lakehouse.formats.schema import Column, Contract, Renamed, SchemaPolicy
from lakehouse.formats.types import (
    BOOL,
    DATE,
    DOUBLE,
    INT64,
    STRING,
    TIMESTAMP,
    TYPES,
    ZONED,
    judged,
)
from lakehouse.formats.value_fit import fitting

_OF_KIND: Mapping[Kind, tuple[str, ...]] = {
    "bool": (BOOL, STRING),
    "number": (INT64, DOUBLE, STRING),
    "string": (DATE, TIMESTAMP, ZONED, STRING),
    "nested": (STRING,),
}
_KIND_OF = {name: kind for kind, names in _OF_KIND.items() for name in names if name != STRING}

Text = Callable[[], Iterator[bytes]]


class Told(msgspec.Struct, frozen=True):
    """What a file's two readings gave: `lines` has each misfitting column's first line."""

    columns: tuple[Column, ...]
    renamed: tuple[Renamed, ...]
    files: tuple[ParquetFile, ...]
    lines: dict[str, int]
    quarantine: Quarantined | None


class _Seen(msgspec.Struct):
    """What the values of one column allow so far."""

    types: tuple[str, ...] = tuple(TYPES)
    kinds: frozenset[Kind] = frozenset()

    def inferred(self) -> str:
        """The column's type when nothing else says it: a string is never taken for a date."""
        return self.types[0] if self.kinds in ({"bool"}, {"number"}) else STRING


class _File:
    """One file on its way through both readings; keys of objects in the order of the columns."""

    def __init__(
        self,
        overrides: Mapping[str, str],
        contract: Contract | None,
        limits: IngestLimits,
        quarantine: QuarantineWriter | None,
    ) -> None:
        self._overrides = overrides
        self._contract = contract
        self._limits = limits
        self._quarantine = quarantine
        seeded = contract.columns if contract and contract.stance is not SchemaPolicy.OFFER else ()
        self.seen = {column.name: _Seen() for column in seeded}
        self._promised = {column.name: column.type for column in seeded if column.type in TYPES}
        keeps = (
            quarantine is not None and contract is not None and contract.stance is SchemaPolicy.KEEP
        )
        self._binding = (self._promised if keeps else {}) | dict(overrides)
        self.lines: dict[str, int] = {}

    def survey(self, lines: list[Line]) -> None:
        """Take one block in: its columns, its types, what of it is set aside."""
        rows, aside = self.sift(lines)
        if self._quarantine is not None:
            self._quarantine.add(aside)
        elif aside:
            raise _refused(aside[0])
        for row in rows:
            if not row.cells.keys() <= self.seen.keys():
                self.seen |= {key: _Seen() for key in row.cells if key not in self.seen}
        if len(self.seen) > self._limits.columns:
            raise refusal("malformed_ndjson", f"more than {self._limits.columns} columns")
        for key, seen in self.seen.items():
            self._judge(key, seen, rows)

    def sift(self, lines: list[Line]) -> tuple[list[Line], list[QuarantinedRow]]:
        """The rows of a block, and what of it is none."""
        rows = [line for line in lines if line.problem is None]
        aside = [_aside(line, None, line.problem) for line in lines if line.problem is not None]
        for key, type_ in self._binding.items():
            misfits = _misfits(rows, key, type_)
            aside += [_misfit(rows[row], key, type_) for row in misfits]
            rows = [line for row, line in enumerate(rows) if row not in misfits]
        return rows, sorted(aside, key=lambda each: each.line)

    def _judge(self, key: str, seen: _Seen, rows: list[Line]) -> None:
        before, wanted = seen.types, self._promised.get(key)
        texts, kinds = column(rows, key)
        found = kinds_of(kinds)
        for kind in found:
            allowed = tuple(name for name in before if name in _OF_KIND[kind])
            left = judged(texts, allowed).types if len(found) == 1 else (STRING,)
            seen.types = tuple(name for name in seen.types if name in left)
        seen.kinds |= found
        if wanted in before and wanted not in seen.types and wanted is not None:
            self.lines[key] = rows[min(_misfits(rows, key, wanted))].line

    def decided(self) -> tuple[str, ...]:
        """The type of each column, all values being known."""
        absent = [key for key in self._overrides if key not in self.seen]
        if absent:
            detail = f"types names {', '.join(map(shown, absent))}, which the file does not have"
            raise refusal("invalid_request", detail)
        return tuple(self._type(key, seen) for key, seen in self.seen.items())

    def _type(self, key: str, seen: _Seen) -> str:
        if key in self._overrides:
            return self._overrides[key]
        promised = self._promised.get(key)
        if promised is None:
            return seen.inferred()
        if key not in self.lines:
            return promised
        if self._contract is not None and self._contract.stance is SchemaPolicy.WIDEN:
            return self._contract.widened(Column(key, promised), seen.types)
        return seen.inferred()


def read_ndjson(
    text: Text,
    overrides: Mapping[str, str],
    contract: Contract | None,
    quarantine: QuarantineWriter | None,
    work_dir: Path,
    limits: IngestLimits,
    reached: ProgressCallback,
) -> Told:
    """Read the NDJSON that `text` brings, each time from its start, into Parquet in `work_dir`.

    Without a `quarantine` to set rows aside in, raises RefusedError `malformed_ndjson`,
    `value_does_not_fit`. `reached` is told how many rows have been written.
    """
    file = _File(overrides, contract, limits, quarantine)
    for lines in parsed_lines(text(), limits):
        file.survey(lines)
    if not file.seen:
        raise refusal("malformed_ndjson", "the file has no record with a member")
    header = name_columns(tuple(file.seen))
    types = file.decided()
    columns = tuple(Column(*pair) for pair in zip(header.names, types, strict=True))
    rows = _typed(parsed_lines(text(), limits), file, columns)
    files = write_parquet(rows, arrow_schema(columns), work_dir, limits, reached)
    aside = quarantine.close() if quarantine is not None else None
    return Told(columns, header.renamed, files, file.lines, aside)


def _typed(
    blocks: Iterable[list[Line]], file: _File, columns: tuple[Column, ...]
) -> Iterator[pa.RecordBatch]:
    schema, keys = arrow_schema(columns), tuple(file.seen)
    for lines in blocks:
        rows, _ = file.sift(lines)
        texts = [column(rows, key)[0] for key in keys]
        batch = pa.RecordBatch.from_arrays(texts, names=[column.name for column in columns])
        yield typed(batch, columns, schema)


def _misfits(rows: list[Line], key: str, type_: str) -> set[int]:
    """The rows whose value under `key` is not of `type_`; a null is of every type."""
    if type_ == STRING:
        return set()
    texts, kinds = column(rows, key)
    fits = pc.and_(fitting(texts, type_), pc.equal(kinds, _KIND_OF[type_]))
    return set(pc.indices_nonzero(pc.invert(pc.fill_null(fits, True))).to_pylist())


def _misfit(line: Line, key: str, type_: str) -> QuarantinedRow:
    texts, kinds = column([line], key)
    text, kind = texts[0].as_py(), kinds[0].as_py()
    value = shown(text) if kind == "string" else f"{kind} {text}"[:80]
    return _aside(line, key, f"{value} does not fit {type_}")


def _aside(line: Line, column: str | None, reason: str | None) -> QuarantinedRow:
    return QuarantinedRow(line.line, column, reason or "", line.raw)


def _refused(first: QuarantinedRow) -> Exception:
    if first.column is None:
        return refusal(
            "malformed_ndjson",
            f"line {first.line}: {first.reason}",
            line=first.line,
            reason=first.reason,
        )
    return refusal(
        "value_does_not_fit",
        f"line {first.line}, column {first.column}: {first.reason}",
        line=first.line,
        column=first.column,
        reason=first.reason,
    )
