"""Ingest: a CSV file becomes typed Parquet files, or a refusal; on disk, a small one in memory.

The order of the work and nothing else: survey the file, decide the schema, read it again and
write. Little of the text is kept between the readings: the source is on disk already. It knows
no bucket, no journal and no HTTP; it blocks, and is run in a thread of the caller's.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pyarrow as pa

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.formats.csv.blocks import Block, Place, blocks, recut
from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.header import Header, take_header
from lakehouse.formats.csv.line_count import LineCount
from lakehouse.formats.csv.quarantine_filter import sift
from lakehouse.formats.csv.survey import KeptBlocks, Survey, survey
from lakehouse.formats.csv.text_reader import TextReader
from lakehouse.formats.growing_file import GrowingFile
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.ndjson.reader import read_ndjson
from lakehouse.formats.options import NDJSON, PARQUET, QUARANTINE, REJECT, Options
from lakehouse.formats.ordered_parallel import in_order
from lakehouse.formats.parquet.reader import take_parquet
from lakehouse.formats.parquet.writer import ParquetFile, arrow_schema, typed, write_parquet
from lakehouse.formats.quarantine import Quarantined, QuarantineWriter
from lakehouse.formats.refusals import refusal, shown
from lakehouse.formats.schema import (
    Column,
    ColumnDifference,
    Contract,
    Renamed,
    SchemaPolicy,
    differences,
    fingerprint,
)
from lakehouse.formats.source import Source, text_chunks
from lakehouse.formats.types import TYPES


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was read: its schema, and its rows as Parquet in the work directory.

    `differences` is empty when there is no contract or the schema is the contract's.
    """

    columns: tuple[Column, ...]
    fingerprint: str
    renamed: tuple[Renamed, ...]
    row_count: int
    files: tuple[ParquetFile, ...]
    differences: tuple[ColumnDifference, ...] = ()
    quarantine: Quarantined | None = None
    """What was set aside, if anything was: only with `on_error=quarantine`."""


class _Task(msgspec.Struct, frozen=True):
    """One file to be read, and what it is read under."""

    source: Source
    content_encoding: str | None
    options: Options
    contract: Contract | None
    work_dir: Callable[[], Path]
    limits: IngestLimits
    reached: ProgressCallback

    def text(self) -> Iterator[bytes]:
        """The file's text as UTF-8, from its start."""
        encoding = "utf-8" if self.options.format == NDJSON else self.options.encoding
        return text_chunks(self.source, self.content_encoding, encoding, self.limits)


def ingest_file(
    source: Source,
    *,
    content_encoding: str | None,
    options: Options,
    contract: Contract | None,
    work_dir: Callable[[], Path],
    limits: IngestLimits,
    reached: ProgressCallback = ignore_progress,
) -> Parsed | Refused:
    """Read the file in `source` and write it as Parquet into the directory that `work_dir` makes.

    A CSV in memory whose text is small becomes Parquet in memory, and needs no directory.
    Of a file with the contract's header each column whose values all fit the contract's type gets
    it; all else is inferred, and `differences` then says where the file departs from the contract.
    Refused with `empty_csv`, `malformed_csv`, `malformed_ndjson`, `malformed_parquet`,
    `malformed_encoding`, `too_large`, `unsupported_media_type`, `value_does_not_fit` or, for an
    override of a column that is not there, `invalid_request`.
    With `on_error=quarantine` rows that cannot be read, or do not fit an override or a binding
    contract with the file's header, are set aside instead.
    A refusal leaves no Parquet behind. Same bytes and options give the same Parquet bytes.
    `reached` is told, from any thread, how many rows of a CSV or NDJSON have been written.
    """
    task = _Task(source, content_encoding, options, contract, work_dir, limits, reached)
    try:
        if misplaced := options.misplaced():
            detail = f"{misplaced} is not for {options.format} files"
            raise refusal("invalid_request", detail)
        if options.format == PARQUET:
            return _as_it_is(task)
        if options.format == NDJSON:
            return _from_ndjson(task)
        return _ingest(task) if options.on_error == REJECT else _sifted(task)
    except RefusedError as error:
        return error.refused


def _as_it_is(task: _Task) -> Parsed:
    whole = task.source.whole() if isinstance(task.source, GrowingFile) else task.source
    columns, file = take_parquet(
        whole, task.content_encoding, task.contract, task.work_dir(), task.limits
    )
    return Parsed(
        columns=columns,
        fingerprint=fingerprint(columns),
        renamed=(),
        row_count=file.row_count,
        files=(file,),
        differences=differences(task.contract, columns, {}),
    )


def _from_ndjson(task: _Task) -> Parsed:
    work_dir, overrides = task.work_dir(), dict(task.options.types)
    aside = work_dir / "quarantine.parquet"
    quarantine = QuarantineWriter(aside, "utf-8") if task.options.on_error == QUARANTINE else None
    try:
        parsed = read_ndjson(
            task.text, overrides, task.contract, quarantine, work_dir, task.limits, task.reached
        )
    except RefusedError:
        aside.unlink(missing_ok=True)
        raise
    return Parsed(
        columns=parsed.columns,
        fingerprint=fingerprint(parsed.columns),
        renamed=parsed.renamed,
        row_count=sum(file.row_count for file in parsed.files),
        files=parsed.files,
        differences=differences(task.contract, parsed.columns, parsed.lines),
        quarantine=parsed.quarantine,
    )


def _sifted(task: _Task) -> Parsed:
    work_dir, options = task.work_dir(), task.options
    dialect = Dialect(options.delimiter, options.encoding)
    wanted = partial(_wanted, dict(options.types), task.contract)
    plain = msgspec.structs.replace(options, encoding="utf-8", on_error=REJECT)
    with TemporaryDirectory(dir=work_dir) as place:
        sifted = sift(task.text(), Path(place), dialect, options, wanted, task.limits)
        good = msgspec.structs.replace(
            task,
            source=sifted.path,
            content_encoding=None,
            options=plain,
            work_dir=lambda: work_dir,
        )
        parsed = _ingest(good)
        if sifted.quarantine is None:
            return parsed
        kept = sifted.quarantine.moved(work_dir / "quarantine.parquet")
    return msgspec.structs.replace(parsed, quarantine=kept)


def _wanted(
    overrides: Mapping[str, str], contract: Contract | None, names: tuple[str, ...]
) -> tuple[str | None, ...]:
    binding = contract if contract is not None and contract.stance is SchemaPolicy.KEEP else None
    promised = _promised(binding, Header(names))
    return tuple(overrides.get(name, promised.get(name)) for name in names)


def _ingest(task: _Task) -> Parsed:
    options, contract, limits = task.options, task.contract, task.limits
    dialect = Dialect(options.delimiter, options.encoding)
    lines = LineCount(task.text).at
    found = blocks(task.text(), dialect, limits, lines)
    header, rows = take_header(found, dialect, written=options.header, most=limits.columns)
    overrides = _overrides(options, header)
    promised = _promised(contract, header)
    wanted = tuple(overrides.get(name, promised.get(name)) for name in header.names)
    forced = frozenset(i for i, name in enumerate(header.names) if name in overrides)
    reader = TextReader(dialect, header.names, options.null_tokens, limits)
    with ThreadPoolExecutor(limits.threads) as pool:
        surveyed = survey(rows, reader, wanted, forced, pool)
        columns = _decide(header, surveyed, overrides, _kept(contract, promised, header, surveyed))
        misfits = {header.names[index]: line for index, line in surveyed.lines.items()}
        settled = surveyed.settled([column.type for column in columns])
        places = [each for each in settled if isinstance(each, Place)]
        held = isinstance(task.source, bytes) and surveyed.is_small(limits.held_bytes)
        # What is kept is let go as it is written, so that a file read twice takes no more memory.
        del surveyed
        again = _again(settled, recut(task.text(), places, lines))
        schema = arrow_schema(columns)
        batches = in_order(pool, partial(_typed, reader, columns, schema), again, limits.threads)
        place = None if held else task.work_dir()
        files = write_parquet(batches, schema, place, limits, task.reached)
    return Parsed(
        columns=columns,
        fingerprint=fingerprint(columns),
        renamed=header.renamed,
        row_count=sum(file.row_count for file in files),
        files=files,
        differences=differences(contract, columns, misfits),
    )


def _again(
    settled: deque[KeptBlocks | Place], places: Iterator[Block]
) -> Iterator[KeptBlocks | Block]:
    """Every block, in file order: what is kept of it, or its bytes once more. Empties `settled`."""
    while settled:
        each = settled.popleft()
        yield each if isinstance(each, KeptBlocks) else next(places)


def _typed(
    reader: TextReader, columns: Sequence[Column], schema: pa.Schema, block: KeptBlocks | Block
) -> pa.RecordBatch:
    rows = reader.read(block) if isinstance(block, Block) else block.rows
    return typed(rows, columns, schema)


def _overrides(options: Options, header: Header) -> Mapping[str, str]:
    overrides = dict(options.types)
    absent = [name for name in overrides if name not in header.names]
    if absent:
        detail = f"types names {', '.join(map(shown, absent))}, which the file does not have"
        raise refusal("invalid_request", detail)
    return overrides


def _promised(contract: Contract | None, header: Header) -> dict[str, str]:
    """The contract's types by column, or none where the header is not the contract's."""
    if contract is None or not contract.concerns(header.names):
        return {}
    return {column.name: column.type for column in contract.columns if column.type in TYPES}


def _decide(
    header: Header, surveyed: Survey, overrides: Mapping[str, str], kept: Mapping[str, str]
) -> tuple[Column, ...]:
    pairs = zip(header.names, surveyed.findings.decided(), strict=True)
    return tuple(
        Column(name, overrides.get(name, kept.get(name, inferred))) for name, inferred in pairs
    )


def _kept(
    contract: Contract | None, promised: Mapping[str, str], header: Header, surveyed: Survey
) -> Mapping[str, str]:
    """What the contract says of the columns' types, all values being known."""
    if contract is None or contract.stance is SchemaPolicy.OFFER:
        # A schema that may be given up is kept as a whole, or not at all.
        return {} if surveyed.lines or len(promised) < len(header.names) else promised
    misfits = {header.names[index] for index in surveyed.lines}
    kept = {name: type_ for name, type_ in promised.items() if name not in misfits}
    if contract.stance is not SchemaPolicy.WIDEN:
        return kept
    possible = dict(zip(header.names, surveyed.findings.types, strict=True))
    return kept | {
        column.name: contract.widened(column, possible[column.name])
        for column in contract.columns
        if column.name in misfits
    }
