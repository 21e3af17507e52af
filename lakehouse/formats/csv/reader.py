"""CSV: a file becomes typed Parquet, on disk or, of a small one, in memory.

It owns the order of the work: survey the file, decide the schema, read it again and write. Little
of the text is kept between the two passes: the source is on disk already.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pyarrow as pa

from lakehouse.formats.csv.blocks import Block, BlockRange, blocks, reread_blocks
from lakehouse.formats.csv.columns import refuse_absent, targets, type_reasons, written_columns
from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.header import take_header
from lakehouse.formats.csv.line_count import LineCount
from lakehouse.formats.csv.quarantine_filter import filter_bad_rows
from lakehouse.formats.csv.recognition import HEAD_BYTES, refuse_other_files
from lakehouse.formats.csv.survey import ReadBlock, survey
from lakehouse.formats.csv.text_reader import TextReader
from lakehouse.formats.limits import AHEAD_BYTES
from lakehouse.formats.options import REJECT
from lakehouse.formats.ordered_parallel import BudgetShare, ordered_parallel_map
from lakehouse.formats.parquet.writer import arrow_schema, typed, write_parquet
from lakehouse.formats.quarantine import Quarantined
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.reasons.values import TypeEvidence
from lakehouse.formats.schema import (
    Column,
    Contract,
    Rounded,
    SchemaPolicy,
    differences,
    fingerprint,
)


def read(request: ReadRequest) -> Parsed:
    """Read a CSV file; one in memory whose text is small becomes Parquet in memory.

    Of a file with the contract's header each column whose values all fit the contract's type gets
    it; all else is inferred, and `differences` then says where the file departs from the contract.
    With `on_error=quarantine` rows that cannot be read, or do not fit an override or a binding
    contract, go to quarantine.
    """
    _refuse_other_files(request)
    return _read(request) if request.options.on_error == REJECT else _without_bad_rows(request)


def _refuse_other_files(request: ReadRequest) -> None:
    head, whole = b"", True
    for chunk in request.text(request.options.encoding):
        head += chunk
        if len(head) > HEAD_BYTES:
            whole = False
            break
    refuse_other_files(head[:HEAD_BYTES], request.options, whole=whole)


def _without_bad_rows(request: ReadRequest) -> Parsed:
    work_dir = request.work_dir()
    with TemporaryDirectory(dir=work_dir) as place:
        good, quarantine = good_rows(request, Path(place))
        parsed = _read(msgspec.structs.replace(good, work_dir=lambda: work_dir))
        if quarantine is None:
            return parsed
        kept = quarantine.moved(work_dir / "quarantine.parquet")
    return msgspec.structs.replace(parsed, quarantine=kept)


def good_rows(request: ReadRequest, place: Path) -> tuple[ReadRequest, Quarantined | None]:
    """The file without its bad rows, written to the directory `place`, and the bad rows.

    Its lines have the numbers that they have in the whole file.
    """
    options = request.options
    dialect = Dialect(options.delimiter, options.encoding)
    wanted = targets(options, _binding(request.contract)).wanted
    text = request.text(options.encoding)
    filtered = filter_bad_rows(text, place, dialect, options, wanted, request.limits)
    plain = msgspec.structs.replace(options, encoding="utf-8", on_error=REJECT)
    good = msgspec.structs.replace(
        request, source=filtered.path, content_encoding=None, options=plain
    )
    return good, filtered.quarantine


def _binding(contract: Contract | None) -> Contract | None:
    """The contract, if rows that do not fit it go to quarantine."""
    return contract if contract is not None and contract.policy is SchemaPolicy.KEEP else None


def _read(request: ReadRequest) -> Parsed:
    with request.budget.share(request.limits.kept_bytes, AHEAD_BYTES) as kept:
        return _read_keeping(request, kept)


def _read_keeping(request: ReadRequest, kept: BudgetShare) -> Parsed:
    options, limits, contract = request.options, request.limits, request.contract
    text = partial(request.text, options.encoding)
    line_of = LineCount(text).at
    dialect = Dialect(options.delimiter, options.encoding)
    found = blocks(text(), dialect, limits, line_of)
    header, rows = take_header(found, dialect, written=options.header, max_columns=limits.columns)
    refuse_absent(options, header.names)
    goals = targets(options, contract)
    wanted, forced = goals.wanted(header.names), goals.forced(header.names)
    reader = TextReader(dialect, header.names, options.null_tokens, limits)
    evidence = TypeEvidence() if request.explains else None
    with ThreadPoolExecutor(limits.threads) as pool:
        surveyed = survey(rows, reader, wanted, forced, pool, request.budget, kept, evidence)
        columns = written_columns(header, surveyed, goals, contract, options)
        reasons = type_reasons(columns, header, surveyed, goals, evidence) if evidence else ()
        misfits = {header.names[index]: line for index, line in surveyed.lines.items()}
        rounded = tuple(Rounded(header.names[i], n) for i, n in sorted(surveyed.rounded.items()))
        output = _Output(reader, columns)
        known = surveyed.known_as(output.types_in_file_order())
        small = isinstance(request.source, bytes) and surveyed.is_small(limits.held_bytes)
        # What is kept is freed as it is written: a file read twice then takes no more memory.
        del surveyed
        ranges = [each for each in known if isinstance(each, BlockRange)]
        again = _again(known, reread_blocks(text(), ranges, line_of), kept)
        batches = ordered_parallel_map(
            pool, output.rows, again, limits.threads, request.budget, _size_bytes
        )
        place = None if small else request.work_dir()
        files = write_parquet(
            batches, output.schema, place, limits, request.on_progress, limits.threads
        )
    return Parsed(
        columns=columns,
        fingerprint=fingerprint(columns),
        renamed=header.renamed,
        row_count=sum(file.row_count for file in files),
        files=files,
        differences=differences(contract, columns, misfits),
        rounded=rounded,
        reasons=reasons,
    )


def _again(
    known: deque[ReadBlock | BlockRange], reread: Iterator[Block], kept: BudgetShare
) -> Iterator[ReadBlock | Block]:
    """Every block, in file order: the rows kept of it, or its bytes once more. Empties `known`."""
    while known:
        each = known.popleft()
        if isinstance(each, ReadBlock):
            kept.give_back(each.kept_bytes)
            yield each
        else:
            yield next(reread)


def _size_bytes(block: ReadBlock | Block) -> int:
    return len(block.data) if isinstance(block, Block) else block.range.size_bytes


class _Output:
    """The columns to write: each one of the file's, in whatever place, or nulls."""

    def __init__(self, reader: TextReader, columns: Sequence[Column]) -> None:
        self.schema = arrow_schema(columns)
        self._reader = reader
        self._columns = columns
        places = {name: place for place, name in enumerate(reader.names)}
        self._places = [places.get(column.name) for column in columns]

    def types_in_file_order(self) -> list[str]:
        """The type that each of the file's columns becomes."""
        types = {column.name: column.type for column in self._columns}
        return [types[name] for name in self._reader.names]

    def rows(self, block: ReadBlock | Block) -> pa.RecordBatch:
        """The rows of a block, as they are written."""
        rows = self._reader.read(block) if isinstance(block, Block) else block.rows
        values = [None if place is None else rows.column(place) for place in self._places]
        return typed(values, rows.num_rows, self._columns, self.schema)
