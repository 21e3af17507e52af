"""Parquet files as a source: verified, then stored as they are, with the schema of their own types.

A file can crash the process that decodes it, so another process does that, with bounded memory and
time: its crash is an answer too. In it two readers, Arrow and DuckDB, read every value.
"""

from pathlib import Path

import msgspec

from journal.block_hashes import BlockHasher
from lakehouse.api.files.type_reasons import TypeReason
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.rules.schemas import TYPE, common_wider
from lakehouse.formats.options import Options
from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.reasons.values import ABSENT, FROM_DATASET, FROM_FILE
from lakehouse.formats.refusals import refusal
from lakehouse.formats.schema import (
    Column,
    ColumnProblem,
    Contract,
    SchemaPolicy,
    differences,
    fingerprint,
)
from lakehouse.formats.source import byte_chunks
from lakehouse.formats.types.logical import same_logical_type
from lakehouse.formats.types.names import DOUBLE, INT64
from lakehouse.process.child import run_child_blocking
from lakehouse.process.growing_file import GrowingFile

CHECK_S = 600
"""For how long a file may be verified."""


class Verified(msgspec.Struct, frozen=True):
    """What the verifying process says: columns and rows, or why the file cannot be used."""

    columns: tuple[tuple[str, str], ...] = ()
    row_count: int = 0
    fitting: tuple[str, ...] = ()
    """The columns all of whose values are of the type that was wanted."""
    problem: str | None = None


def read(request: ReadRequest) -> Parsed:
    """Store a Parquet file as it is, once two readers have read every value of it.

    A column all of whose values are of the contract's type has that type; it is read as such.
    Raises RefusedError `malformed_parquet`, `malformed_encoding`, `too_large`; `schema_conflict`
    where widening would make a double of an integer that is none.
    """
    source = request.source
    whole = source.whole() if isinstance(source, GrowingFile) else source
    path, hasher = request.work_dir() / "part-00001.parquet", BlockHasher()
    try:
        with path.open("wb") as file:
            for chunk in byte_chunks(whole, request.content_encoding, request.limits):
                hasher.update(chunk)
                file.write(chunk)
        verified = _verified(path, request.contract)
        _check_count(verified, request.limits.columns)
        columns = decided_columns(verified, request.contract, request.options)
    except RefusedError:
        path.unlink()
        raise
    file_ = ParquetFile(
        path, hasher.sha256, hasher.size_bytes, verified.row_count, hasher.block_hashes
    )
    return Parsed(
        columns=columns,
        fingerprint=fingerprint(columns),
        renamed=(),
        row_count=verified.row_count,
        files=(file_,),
        differences=differences(request.contract, columns, {}),
        reasons=_reasons(columns, verified) if request.explains else (),
    )


def _reasons(columns: tuple[Column, ...], verified: Verified) -> tuple[TypeReason, ...]:
    stored = dict(verified.columns)

    def reason(column: Column) -> str:
        if column.name not in stored:
            return ABSENT
        return FROM_FILE if stored[column.name] == column.type else FROM_DATASET

    return tuple(TypeReason(column.name, reason(column)) for column in columns)


def _check_count(verified: Verified, max_columns: int) -> None:
    count = len(verified.columns)
    if count > max_columns:
        raise _malformed(f"it has {count} columns; at most {max_columns} are allowed")


def decided_columns(
    verified: Verified, contract: Contract | None, options: Options
) -> tuple[Column, ...]:
    """The columns of the dataset, as far as this file decides them. Raises RefusedError `schema_conflict`."""
    stored = dict(verified.columns)
    if contract is None or (
        contract.policy is SchemaPolicy.REPLACE and not _fits(verified, contract)
    ):
        return tuple(Column(name, type_) for name, type_ in verified.columns)
    wanted = {column.name: column.type for column in contract.columns}
    types = {
        name: _type(Column(name, wanted[name]), type_, contract, fits=name in verified.fitting)
        if name in wanted
        else type_
        for name, type_ in stored.items()
    }
    return contract.arranged(types, missing_as_null=options.missing_as_null)


def _fits(verified: Verified, contract: Contract) -> bool:
    """Whether the file fits as a whole: a schema that may be replaced is kept whole, or not at all."""
    stored = dict(verified.columns)
    return stored.keys() == {column.name for column in contract.columns} and all(
        column.name in verified.fitting or same_logical_type(column.type, stored[column.name])
        for column in contract.columns
    )


def _type(column: Column, stored: str, contract: Contract, *, fits: bool) -> str:
    """The dataset's type of a column that has the type `stored` in the file."""
    if fits or same_logical_type(column.type, stored):
        return column.type
    if contract.policy is not SchemaPolicy.WIDEN:
        return stored
    wider = common_wider(column.type, stored) or stored
    if (column.type, wider) == (INT64, DOUBLE) and column.name not in contract.exact:
        detail = f"column {column.name} holds integers beyond ±2^53, which no double holds"
        problem = ColumnProblem(column.name, TYPE, INT64, stored)
        raise RefusedError(Refused("schema_conflict", detail, (problem.row(),)))
    return wider


def _verified(path: Path, contract: Contract | None) -> Verified:
    wanted = contract.types() if contract is not None else {}
    body = msgspec.json.encode(wanted)
    try:
        answer = run_child_blocking("lakehouse.formats.parquet.check", str(path), body, CHECK_S)
    except TimeoutError as error:
        raise _malformed(f"it could not be read within {CHECK_S} seconds") from error
    if answer is None:
        raise _malformed("it takes the process down that reads it, or all the memory it may have")
    verified = msgspec.json.decode(answer, type=Verified)
    if verified.problem is not None:
        raise _malformed(verified.problem)
    return verified


def _malformed(reason: str) -> RefusedError:
    return refusal("malformed_parquet", f"the Parquet file: {reason}", reason=reason)
