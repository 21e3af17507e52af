"""CSV: a file becomes typed Parquet, on disk or, of a small one, in memory.

It owns the order of the work: survey the file, decide the schema, read it again and write. Little
of the text is kept between the two passes: the source is on disk already.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pyarrow as pa

from lakehouse.formats.csv.blocks import Block, BlockRange, blocks, reread_blocks
from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.header import Header, take_header
from lakehouse.formats.csv.line_count import LineCount
from lakehouse.formats.csv.quarantine_filter import filter_bad_rows
from lakehouse.formats.csv.survey import ReadBlock, Survey, survey
from lakehouse.formats.csv.text_reader import TextReader
from lakehouse.formats.options import REJECT, Options
from lakehouse.formats.ordered_parallel import ordered_parallel_map
from lakehouse.formats.parquet.writer import arrow_schema, typed, write_parquet
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.refusals import refusal, shown
from lakehouse.formats.schema import Column, Contract, SchemaPolicy, differences, fingerprint
from lakehouse.formats.types import TYPES


def read(request: ReadRequest) -> Parsed:
    """Read a CSV file; one in memory whose text is small becomes Parquet in memory.

    Of a file with the contract's header each column whose values all fit the contract's type gets
    it; all else is inferred, and `differences` then says where the file departs from the contract.
    With `on_error=quarantine` rows that cannot be read, or do not fit an override or a binding
    contract with the file's header, are set aside.
    """
    return _read(request) if request.options.on_error == REJECT else _without_bad_rows(request)


def _without_bad_rows(request: ReadRequest) -> Parsed:
    work_dir, options = request.work_dir(), request.options
    dialect = Dialect(options.delimiter, options.encoding)
    wanted = partial(_wanted, dict(options.types), request.contract)
    plain = msgspec.structs.replace(options, encoding="utf-8", on_error=REJECT)
    with TemporaryDirectory(dir=work_dir) as place:
        text = request.text(options.encoding)
        filtered = filter_bad_rows(text, Path(place), dialect, options, wanted, request.limits)
        good = msgspec.structs.replace(
            request,
            source=filtered.path,
            content_encoding=None,
            options=plain,
            work_dir=lambda: work_dir,
        )
        parsed = _read(good)
        if filtered.quarantine is None:
            return parsed
        kept = filtered.quarantine.moved(work_dir / "quarantine.parquet")
    return msgspec.structs.replace(parsed, quarantine=kept)


def _wanted(
    overrides: Mapping[str, str], contract: Contract | None, names: tuple[str, ...]
) -> tuple[str | None, ...]:
    binding = contract if contract is not None and contract.policy is SchemaPolicy.KEEP else None
    promised = _promised(binding, Header(names))
    return tuple(overrides.get(name, promised.get(name)) for name in names)


def _read(request: ReadRequest) -> Parsed:
    options, limits = request.options, request.limits
    dialect = Dialect(options.delimiter, options.encoding)

    def text() -> Iterator[bytes]:
        return request.text(options.encoding)

    line_of = LineCount(text).at
    found = blocks(text(), dialect, limits, line_of)
    header, rows = take_header(found, dialect, written=options.header, max_columns=limits.columns)
    overrides = _overrides(options, header)
    promised = _promised(request.contract, header)
    wanted = tuple(overrides.get(name, promised.get(name)) for name in header.names)
    forced = frozenset(i for i, name in enumerate(header.names) if name in overrides)
    reader = TextReader(dialect, header.names, options.null_tokens, limits)
    with ThreadPoolExecutor(limits.threads) as pool:
        surveyed = survey(rows, reader, wanted, forced, pool)
        kept = _kept(request.contract, promised, header, surveyed)
        columns = _decide(header, surveyed, overrides, kept)
        misfits = {header.names[index]: line for index, line in surveyed.lines.items()}
        known = surveyed.known_as([column.type for column in columns])
        ranges = [each for each in known if isinstance(each, BlockRange)]
        small = isinstance(request.source, bytes) and surveyed.is_small(limits.held_bytes)
        # What is kept is freed as it is written: a file read twice then takes no more memory.
        del surveyed
        again = _again(known, reread_blocks(text(), ranges, line_of))
        schema = arrow_schema(columns)
        work = partial(_typed, reader, columns, schema)
        batches = ordered_parallel_map(pool, work, again, limits.threads)
        place = None if small else request.work_dir()
        files = write_parquet(batches, schema, place, limits, request.on_progress)
    return Parsed(
        columns=columns,
        fingerprint=fingerprint(columns),
        renamed=header.renamed,
        row_count=sum(file.row_count for file in files),
        files=files,
        differences=differences(request.contract, columns, misfits),
    )


def _again(
    known: deque[ReadBlock | BlockRange], places: Iterator[Block]
) -> Iterator[ReadBlock | Block]:
    """Every block, in file order: what is kept of it, or its bytes once more. Empties `known`."""
    while known:
        each = known.popleft()
        yield each if isinstance(each, ReadBlock) else next(places)


def _typed(
    reader: TextReader, columns: Sequence[Column], schema: pa.Schema, block: ReadBlock | Block
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
    pairs = zip(header.names, surveyed.candidates.decided(), strict=True)
    return tuple(
        Column(name, overrides.get(name, kept.get(name, inferred))) for name, inferred in pairs
    )


def _kept(
    contract: Contract | None, promised: Mapping[str, str], header: Header, surveyed: Survey
) -> Mapping[str, str]:
    """What the contract says of the columns' types, all values being known."""
    if contract is None or contract.policy is SchemaPolicy.REPLACE:
        # A schema that may be given up is kept as a whole, or not at all.
        return {} if surveyed.lines or len(promised) < len(header.names) else promised
    misfits = {header.names[index] for index in surveyed.lines}
    kept = {name: type_ for name, type_ in promised.items() if name not in misfits}
    if contract.policy is not SchemaPolicy.WIDEN:
        return kept
    possible = dict(zip(header.names, surveyed.candidates.types, strict=True))
    return kept | {
        column.name: contract.widened(column, possible[column.name])
        for column in contract.columns
        if column.name in misfits
    }
