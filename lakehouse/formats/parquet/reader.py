"""Parquet files as a source: verified, then stored as they are, with the schema of their own types.

A file can crash the process that decodes it, so another process does that, with bounded memory and
time: its crash is an answer too. In it two readers, Arrow and DuckDB, read every value.
"""

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from journal.block_hashes import BlockHasher
from lakehouse.domain.errors import RefusedError
from lakehouse.formats.growing_file import GrowingFile
from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.refusals import refusal
from lakehouse.formats.schema import Column, Contract, SchemaPolicy, differences, fingerprint
from lakehouse.formats.source import byte_chunks
from lakehouse.formats.types import DOUBLE, INT64

CHECK_S = 600
"""For how long a file may be verified."""


class Verified(msgspec.Struct, frozen=True):
    """What the verifying process says: columns and rows, or why the file cannot be used."""

    columns: tuple[tuple[str, str], ...] = ()
    row_count: int = 0
    problem: str | None = None


def read(request: ReadRequest) -> Parsed:
    """Store a Parquet file as it is, once two readers have read every value of it.

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
        verified = _verified(path)
        columns = tuple(Column(name, type_) for name, type_ in verified.columns)
        _check_count(columns, request.limits.columns)
        _refuse_inexact(columns, request.contract)
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
    )


def _check_count(columns: tuple[Column, ...], max_columns: int) -> None:
    if len(columns) > max_columns:
        raise _malformed(f"it has {len(columns)} columns; at most {max_columns} are allowed")


def _verified(path: Path) -> Verified:
    words = [sys.executable, "-m", "lakehouse.formats.parquet.check", str(path)]
    # Without our environment: a process that a file may take over gets no credentials.
    kept = {
        name: os.environ[name] for name in ("PATH", "PYTHONPATH", "TMPDIR") if name in os.environ
    }
    try:
        done = subprocess.run(
            words,
            env=kept,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHECK_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _malformed(f"it could not be read within {CHECK_S} seconds") from error
    if done.returncode != 0:
        raise _malformed("it takes the process down that reads it, or all the memory it may have")
    verified = msgspec.json.decode(done.stdout, type=Verified)
    if verified.problem is not None:
        raise _malformed(verified.problem)
    return verified


def _refuse_inexact(columns: tuple[Column, ...], contract: Contract | None) -> None:
    """Stored as it is, a double's column stays double: then the integers there must be doubles."""
    if contract is None or contract.policy is not SchemaPolicy.WIDEN:
        return
    types = {column.name: column.type for column in columns}
    for column in contract.columns:
        widens = (column.type, types.get(column.name)) == (INT64, DOUBLE)
        if widens and column.name not in contract.exact:
            detail = f"column {column.name} holds integers beyond ±2^53, which no double holds"
            raise refusal(
                "schema_conflict", detail, **{"name": column.name, "was": INT64, "is": DOUBLE}
            )


def _malformed(reason: str) -> RefusedError:
    return refusal("malformed_parquet", f"the Parquet file: {reason}", reason=reason)
