"""The survey: the one reading of a file, which spools its text and finds what its columns are.

It reads blocks side by side and takes their results in file order, so that nothing it finds
depends on threads. It decides no type and writes no Parquet.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec
import pyarrow as pa

from lakehouse.ingest.blocks import Block
from lakehouse.ingest.inference import Findings, judge, merge, misfits, nothing
from lakehouse.ingest.reading import TextReader
from lakehouse.ingest.refusals import refusal, shown

A = TypeVar("A")
B = TypeVar("B")


class Survey(msgspec.Struct, frozen=True):
    """What a whole file holds; `lines` maps a column's index to its first misfit's line."""

    findings: Findings
    lines: Mapping[int, int]


class _Read(msgspec.Struct, frozen=True):
    block: Block
    batch: pa.RecordBatch
    findings: Findings
    misfits: Mapping[int, int]


def survey(
    blocks: Iterable[Block],
    reader: TextReader,
    wanted: Sequence[str | None],
    forced: frozenset[int],
    spool: Path,
) -> Survey:
    """Read every block once: its text goes to `spool` (Arrow IPC), its types into the findings.

    `wanted` names the type that each column's values are held against, None where there is none.
    Raises RefusedError `malformed_csv`, and `value_does_not_fit` for a column in `forced`.
    """
    findings, lines = nothing(len(reader.names)), dict[int, int]()

    def read(block: Block) -> _Read:
        before = findings
        batch = reader.read(block)
        after = judge(batch, before)
        return _Read(block, batch, after, misfits(batch, before, after, wanted))

    with (
        ThreadPoolExecutor(reader.limits.threads) as pool,
        pa.OSFile(str(spool), "wb") as sink,
        pa.ipc.new_file(sink, reader.schema(), options=_spooling()) as writer,
    ):
        for done in _in_order(pool, read, blocks, reader.limits.threads):
            _refuse_forced(done, reader, wanted, forced)
            for index, row in done.misfits.items():
                lines.setdefault(index, reader.line_of(done.block, row))
            findings = merge(findings, done.findings)
            writer.write_batch(done.batch)
    return Survey(findings, lines)


def spooled(spool: Path) -> Iterator[pa.RecordBatch]:
    """The batches that a survey wrote, in file order."""
    # Compressed, so that a memory map would save no copy; it would only count as memory used.
    with pa.OSFile(str(spool)) as source, pa.ipc.open_file(source) as reader:
        for index in range(reader.num_record_batches):
            yield reader.get_batch(index)


def _spooling() -> pa.ipc.IpcWriteOptions:
    # Arrow text takes five bytes a cell where CSV can take one: a file of mere delimiters must
    # not fill the disk.
    return pa.ipc.IpcWriteOptions(compression="lz4")


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[A], B], items: Iterable[A], ahead: int
) -> Iterator[B]:
    """`work` of each item, in their order, at most `ahead` of them under way or waiting."""
    waiting: deque[Future[B]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _refuse_forced(
    done: _Read, reader: TextReader, wanted: Sequence[str | None], forced: frozenset[int]
) -> None:
    rows = [(row, index) for index, row in done.misfits.items() if index in forced]
    if not rows:
        return
    row, index = min(rows)
    line, column = reader.line_of(done.block, row), reader.names[index]
    reason = f"{shown(done.batch.column(index)[row].as_py())} does not fit {wanted[index]}"
    detail = f"line {line}, column {column}: {reason}"
    raise refusal("value_does_not_fit", detail, line=line, column=column, reason=reason)
