"""The survey: the first reading of a file, which finds what its columns are and where its blocks.

It reads blocks side by side and takes their results in file order, so that nothing it finds
depends on threads. It decides no type and writes no Parquet.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor

import msgspec
import pyarrow as pa

from lakehouse.ingest.blocks import Block, Place
from lakehouse.ingest.inference import Findings, judge, merge, misfits, nothing
from lakehouse.ingest.reading import TextReader
from lakehouse.ingest.refusals import refusal, shown
from lakehouse.ingest.side_by_side import in_order


class Survey(msgspec.Struct, frozen=True):
    """What a whole file holds; `lines` maps a column's index to its first misfit's line.

    When the types are known, `kept` is the text of the file's first blocks, and `places` are the
    blocks that follow, to be read once more.
    """

    findings: Findings
    lines: Mapping[int, int]
    kept: tuple[pa.RecordBatch, ...]
    places: tuple[Place, ...]

    def is_small(self, size_bytes: int) -> bool:
        """Whether all of the file's text is kept, in at most `size_bytes`."""
        kept_bytes = sum(batch.get_total_buffer_size() for batch in self.kept)
        return not self.places and kept_bytes <= size_bytes


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
    pool: Executor,
) -> Survey:
    """Read every block, and fold what its types can be into the findings.

    `wanted` names the type that each column's values are held against, None where there is none.
    Raises RefusedError `malformed_csv`, and `value_does_not_fit` for a column in `forced`.
    """
    findings, lines = nothing(len(reader.names)), dict[int, int]()
    kept, places, room = list[pa.RecordBatch](), list[Place](), reader.limits.kept_bytes

    def read(block: Block) -> _Read:
        before = findings
        batch = reader.read(block)
        after = judge(batch, before)
        return _Read(block, batch, after, misfits(batch, before, after, wanted))

    for done in in_order(pool, read, blocks, reader.limits.threads):
        _refuse_forced(done, reader, wanted, forced)
        for index, row in done.misfits.items():
            lines.setdefault(index, reader.line_of(done.block, row))
        findings = merge(findings, done.findings)
        room -= done.batch.get_total_buffer_size()
        if room >= 0:
            kept.append(done.batch)
        else:
            places.append(done.block.place())
    return Survey(findings, lines, tuple(kept), tuple(places))


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
