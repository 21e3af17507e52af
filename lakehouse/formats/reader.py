"""What a reader of a file format takes and gives: the protocol that every format's module keeps.

Data and a protocol only. It reads nothing and knows no format.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from lakehouse.api.files.type_reasons import TypeReason
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.formats.limits import SHARED_BYTES, IngestLimits
from lakehouse.formats.options import Options
from lakehouse.formats.ordered_parallel import ByteBudget
from lakehouse.formats.parquet.writer import ParquetFile
from lakehouse.formats.quarantine import Quarantined
from lakehouse.formats.schema import Column, ColumnProblem, Contract, Renamed, Rounded
from lakehouse.formats.source import Source, text_chunks


class ReadRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One file to read, and what it is read under.

    `work_dir` makes the directory that the Parquet goes into; it is called only when one is needed.
    `budget` bounds what is decoded ahead of use and kept between two readings; requests
    that share one are bounded together.
    `on_progress` gets the number of rows written so far, from any thread.
    """

    source: Source
    content_encoding: str | None
    options: Options
    contract: Contract | None
    work_dir: Callable[[], Path]
    limits: IngestLimits
    budget: ByteBudget = msgspec.field(default_factory=lambda: ByteBudget(SHARED_BYTES))
    on_progress: ProgressCallback = ignore_progress
    first_line: int = 1
    """The number of the source's first line, for a part of a stream of NDJSON."""
    explains: bool = False
    """Whether to say why each column has its type."""

    def text(self, encoding: str) -> Iterator[bytes]:
        """The file's text as UTF-8, from its start."""
        return text_chunks(self.source, self.content_encoding, encoding, self.limits)


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read: its schema, and its rows as Parquet in the work directory.

    `differences` is empty when there is no contract or the schema is the contract's.
    """

    columns: tuple[Column, ...]
    fingerprint: str
    renamed: tuple[Renamed, ...]
    row_count: int
    files: tuple[ParquetFile, ...]
    differences: tuple[ColumnProblem, ...] = ()
    rounded: tuple[Rounded, ...] = ()
    reasons: tuple[TypeReason, ...] = ()
    """Why each column has its type, where the request asks for it."""
    quarantine: Quarantined | None = None
    """The bad rows; None where there are none, as always without `on_error=quarantine`."""


class Reader(Protocol):
    """Reads one file of its format, whole, into Parquet."""

    def __call__(self, request: ReadRequest) -> Parsed:
        """The rows of the file as Parquet, each column that fits the contract in its type.

        Same bytes, options and contract give the same Parquet bytes. Raises RefusedError: then no
        Parquet is left behind; LargeRecordError as `request.limits` say.
        """


class RowPositions(Protocol):
    """Says where rows of a file are that was read: a refusal names them."""

    def __call__(self, request: ReadRequest, rows: Sequence[int]) -> list[int]:
        """The positions, from 1, of rows numbered from 0 in ascending order, without those in
        quarantine. `request` is the one under which the file was read."""
