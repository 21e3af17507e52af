"""Parquet files as a source: verified, then stored as they are, with the schema of their own types.

A file can take down the process that decodes it, so that another one does: it has bounded memory
and time, and its end is an answer too. It asks two readers, Arrow and DuckDB, for every value.
"""

import os
import subprocess
import sys
from pathlib import Path

import msgspec

from journal.block_hashes import BlockHasher
from lakehouse.domain.errors import RefusedError
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.formats.refusals import refusal
from lakehouse.formats.schema import Column, Contract, SchemaPolicy
from lakehouse.formats.source import byte_chunks
from lakehouse.formats.types import DOUBLE, INT64

CHECK_S = 600
"""For how long a file may be verified."""


class Verified(msgspec.Struct, frozen=True):
    """What the verifying process says: columns and rows, or why the file cannot be used."""

    columns: tuple[tuple[str, str], ...] = ()
    row_count: int = 0
    problem: str | None = None


def take_parquet(
    source: Path | bytes,
    content_encoding: str | None,
    contract: Contract | None,
    work_dir: Path,
    limits: IngestLimits,
) -> tuple[tuple[Column, ...], ParquetFile]:
    """The columns of the Parquet in `source`, and the file, in `work_dir`.

    Raises RefusedError `malformed_parquet`, `malformed_encoding`, `too_large`; `schema_conflict`
    where widening would make a double of an integer that is none.
    """
    path, hasher = work_dir / "part-00001.parquet", BlockHasher()
    try:
        with path.open("wb") as file:
            for chunk in byte_chunks(source, content_encoding, limits):
                hasher.update(chunk)
                file.write(chunk)
        verified = _verified(path)
        columns = tuple(Column(name, type_) for name, type_ in verified.columns)
        if len(columns) > limits.columns:
            raise _malformed(f"it has {len(columns)} columns; at most {limits.columns} are allowed")
        _refuse_inexact(columns, contract)
    except RefusedError:
        path.unlink()
        raise
    file_ = ParquetFile(
        path, hasher.sha256, hasher.size_bytes, verified.row_count, hasher.block_hashes
    )
    return columns, file_


def _verified(path: Path) -> Verified:
    words = [sys.executable, "-m", "lakehouse.formats.parquet.check", str(path)]
    # Nothing of our environment: credentials are no business of a process that may be taken over.
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
    if contract is None or contract.stance is not SchemaPolicy.WIDEN:
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
