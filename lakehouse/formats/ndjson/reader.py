"""NDJSON: a file of JSON objects, one a line, becomes typed Parquet; nothing of a number is lost.

The file is read twice: once to learn its columns and their types, once to write. Columns are in
the order in which they first appear, after those of a contract; what an object lacks is null.

| every value of a column that is not null is | type |
| --- | --- |
| `true` or `false` | `bool` |
| a number | what the CSV's table of types says of its digits: `int64`, `double`, else `string` |
| a string | `string`; a date or time only where `types` or the dataset's schema says so |
| an array or object | `string`: JSON without spaces, numbers as they were written |
| of several of these kinds | `string`: strings as they are, the others as JSON |
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.api.files.type_reasons import TypeReason
from lakehouse.domain.errors import RefusedError
from lakehouse.formats.csv.header import name_columns
from lakehouse.formats.ndjson.columns import Kind, column, kinds_of
from lakehouse.formats.ndjson.lines import Line, parsed_lines
from lakehouse.formats.options import QUARANTINE
from lakehouse.formats.parquet.writer import arrow_schema, typed, write_parquet
from lakehouse.formats.quarantine import QuarantinedRow, QuarantineWriter
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.reasons.kinds import KindEvidence
from lakehouse.formats.reasons.values import ABSENT, DECLARED, FROM_DATASET, widened
from lakehouse.formats.refusals import refusal, shown
from lakehouse.formats.schema import (
    Column,
    Rounded,
    SchemaPolicy,
    differences,
    fingerprint,
)
from lakehouse.formats.types.fitting import fit_mask
from lakehouse.formats.types.logical import arrow_type, text_type
from lakehouse.formats.types.names import BOOL, DATE, DOUBLE, INT64, STRING, TIMESTAMP, ZONED
from lakehouse.formats.types.stored import ROUNDED_DOUBLE, declared_types, rounded_count, type_label
from lakehouse.formats.types.table import TYPES, classify

_OF_KIND: Mapping[Kind, tuple[str, ...]] = {
    "bool": (BOOL, STRING),
    "number": (INT64, DOUBLE, STRING),
    "string": (DATE, TIMESTAMP, ZONED, STRING),
    "nested": (STRING,),
}
_ENCODING = "utf-8"
_KIND_OF: Mapping[str | None, Kind] = {
    name: kind for kind, names in _OF_KIND.items() for name in names if name != STRING
}


def read(request: ReadRequest) -> Parsed:
    """Read an NDJSON file, twice, each time from its start.

    With `on_error=quarantine` rows that cannot be read, or do not fit, go to quarantine; without,
    raises RefusedError `malformed_ndjson`, `value_does_not_fit`.
    """
    work_dir, quarantines = request.work_dir(), request.options.on_error == QUARANTINE
    path = work_dir / "quarantine.parquet"
    quarantine = QuarantineWriter(path, _ENCODING) if quarantines else None
    try:
        return _read(request, work_dir, quarantine)
    except RefusedError:
        path.unlink(missing_ok=True)
        raise


def good_lines(request: ReadRequest) -> Iterator[list[Line]]:
    """The lines that are rows of a file that was read, a block at a time."""
    quarantines = request.options.on_error == QUARANTINE
    rows_of = _Survey(request, QuarantineWriter(Path(), _ENCODING) if quarantines else None)
    for lines in _lines(request):
        yield rows_of.split(lines)[0]


def _lines(request: ReadRequest) -> Iterator[list[Line]]:
    text = request.text(_ENCODING)
    return parsed_lines(text, request.limits, request.first_line)


def _read(request: ReadRequest, work_dir: Path, quarantine: QuarantineWriter | None) -> Parsed:
    survey = _Survey(request, quarantine)
    for lines in _lines(request):
        survey.add(lines)
    if not survey.columns:
        raise refusal("malformed_ndjson", "the file has no record with a member")
    header = name_columns(tuple(survey.columns))
    columns = tuple(map(Column, header.names, survey.decided()))
    lines_again = _lines(request)
    rows = _typed(lines_again, survey, columns)
    files = write_parquet(
        rows, arrow_schema(columns), work_dir, request.limits, request.on_progress
    )
    return Parsed(
        columns=columns,
        fingerprint=fingerprint(columns),
        renamed=header.renamed,
        row_count=sum(file.row_count for file in files),
        files=files,
        differences=differences(request.contract, columns, survey.misfit_lines),
        rounded=tuple(
            Rounded(name, survey.rounded[key])
            for key, name in zip(survey.columns, header.names, strict=True)
            if survey.rounded[key]
        ),
        reasons=survey.reasons(columns),
        quarantine=quarantine.close() if quarantine is not None else None,
    )


class _ColumnState(msgspec.Struct):
    """The types and the kinds of JSON value of one column so far."""

    types: tuple[str, ...] = tuple(TYPES)
    kinds: frozenset[Kind] = frozenset()

    def inferred(self) -> str:
        """The column's type without an override or a contract: a string is never taken for a date."""
        return self.types[0] if self.kinds in ({"bool"}, {"number"}) else STRING


class _Survey:
    """The first pass over a file: its columns, by the keys of its objects, and their types."""

    def __init__(self, request: ReadRequest, quarantine: QuarantineWriter | None) -> None:
        contract = request.contract
        self._overrides = overrides = declared_types(request.options.types)
        self._contract = contract
        self._limits = request.limits
        self._quarantine = quarantine
        seeded = (
            contract.columns if contract and contract.policy is not SchemaPolicy.REPLACE else ()
        )
        self.columns = {column.name: _ColumnState() for column in seeded}
        self._promised = contract.types() if contract is not None and seeded else {}
        keeps = (
            quarantine is not None and contract is not None and contract.policy is SchemaPolicy.KEEP
        )
        self._binding = (self._promised if keeps else {}) | dict(overrides)
        self.misfit_lines: dict[str, int] = {}
        self.rounded = Counter[str]()
        self._evidence = KindEvidence() if request.explains else None

    def add(self, lines: list[Line]) -> None:
        """Take one block: its columns, their types, its bad rows."""
        rows, bad = self.split(lines)
        if self._quarantine is not None:
            self._quarantine.add(bad)
        elif bad:
            raise _refused(bad[0])
        for row in rows:
            if not row.cells.keys() <= self.columns.keys():
                self.columns |= {
                    key: _ColumnState() for key in row.cells if key not in self.columns
                }
        if len(self.columns) > self._limits.columns:
            raise refusal("malformed_ndjson", f"more than {self._limits.columns} columns")
        for key, state in self.columns.items():
            self._narrow(key, state, rows)

    def split(self, lines: list[Line]) -> tuple[list[Line], list[QuarantinedRow]]:
        """The good and the bad rows of a block."""
        rows = [line for line in lines if line.problem is None]
        bad = [_quarantined(line, None, line.problem) for line in lines if line.problem is not None]
        for key, type_ in self._binding.items():
            misfits = _misfits(rows, key, type_)
            bad += [_misfit(rows[row], key, type_) for row in misfits]
            rows = [line for row, line in enumerate(rows) if row not in misfits]
        return rows, sorted(bad, key=lambda each: each.line)

    def _narrow(self, key: str, state: _ColumnState, rows: list[Line]) -> None:
        before, wanted = state.types, self._promised.get(key)
        texts, kinds = column(rows, key)
        found = kinds_of(kinds)
        for kind in found:
            allowed = tuple(name for name in before if name in _OF_KIND[kind])
            left = classify(texts, allowed).types if len(found) == 1 else (STRING,)
            state.types = tuple(name for name in state.types if name in left)
        state.kinds |= found
        if self._evidence is not None:
            self._evidence.add(key, rows, texts, kinds, before, state.types)
        if self._overrides.get(key) == ROUNDED_DOUBLE:
            self.rounded[key] += rounded_count(texts)
        if wanted is None or key in self.misfit_lines:
            return
        refuted = wanted in before and wanted not in state.types
        if (refuted or wanted not in TYPES) and (unfit := _misfits(rows, key, wanted)):
            self.misfit_lines[key] = rows[min(unfit)].line

    def decided(self) -> tuple[str, ...]:
        """The type of each column, once all values are known."""
        absent = [key for key in self._overrides if key not in self.columns]
        if absent:
            detail = f"types names {', '.join(map(shown, absent))}, which the file does not have"
            raise refusal("invalid_request", detail)
        return tuple(self._type(key, state) for key, state in self.columns.items())

    def reasons(self, columns: tuple[Column, ...]) -> tuple[TypeReason, ...]:
        """Why each column has its type, where the request asks for it; `columns` in order."""
        evidence = self._evidence
        if evidence is None:
            return ()
        pairs = zip(self.columns.items(), columns, strict=True)
        return tuple(self._reason(*item, column, evidence) for item, column in pairs)

    def _reason(
        self, key: str, state: _ColumnState, column: Column, evidence: KindEvidence
    ) -> TypeReason:
        promised = self._promised.get(key)
        if key in self._overrides:
            return TypeReason(column.name, DECLARED)
        if promised is None:
            return evidence.inferred(key, column.name, column.type, state.types)
        if promised != column.type:
            line = self.misfit_lines.get(key)
            return widened(column.name, promised, evidence.misfits(key), line)
        return TypeReason(column.name, FROM_DATASET if state.kinds else ABSENT)

    def _type(self, key: str, state: _ColumnState) -> str:
        if key in self._overrides:
            return type_label(self._overrides[key])
        promised = self._promised.get(key)
        if promised is None:
            return state.inferred()
        if key not in self.misfit_lines:
            return promised
        if self._contract is not None and self._contract.policy is SchemaPolicy.WIDEN:
            return self._contract.widened(Column(key, promised), state.types)
        return state.inferred()


def _typed(
    blocks: Iterable[list[Line]], survey: _Survey, columns: tuple[Column, ...]
) -> Iterator[pa.RecordBatch]:
    schema, keys = arrow_schema(columns), tuple(survey.columns)
    for lines in blocks:
        rows, _ = survey.split(lines)
        texts = [column(rows, key)[0] for key in keys]
        yield typed(texts, len(rows), columns, schema)


def _misfits(rows: list[Line], key: str, type_: str) -> set[int]:
    """The rows whose value under `key` is not of `type_`; a null is of every type."""
    if type_ == STRING:
        return set()
    texts, kinds = column(rows, key)
    fits = pc.and_(fit_mask(texts, type_), pc.equal(kinds, _kind_of(type_)))
    return set(pc.indices_nonzero(pc.invert(pc.fill_null(fits, True))).to_pylist())


def _kind_of(type_: str) -> Kind:
    """The kind of JSON value that a type's values have."""
    if type_ == ROUNDED_DOUBLE:
        return "number"
    return _KIND_OF.get(type_) or _KIND_OF.get(text_type(arrow_type(type_))) or "string"


def _misfit(line: Line, key: str, type_: str) -> QuarantinedRow:
    texts, kinds = column([line], key)
    text, kind = texts[0].as_py(), kinds[0].as_py()
    value = shown(text) if kind == "string" else f"{kind} {text}"[:80]
    return _quarantined(line, key, f"{value} does not fit {type_label(type_)}")


def _quarantined(line: Line, column: str | None, reason: str | None) -> QuarantinedRow:
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
