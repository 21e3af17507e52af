"""The survey: the first reading of a file, which finds what its columns are and where its blocks.

It reads blocks side by side and takes their results in file order, so that nothing it finds
depends on threads. It decides no type and writes no Parquet.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor

import msgspec
import pyarrow as pa

from lakehouse.formats.csv.blocks import Block, Place
from lakehouse.formats.csv.text_reader import TextReader
from lakehouse.formats.inference import Findings, judge, merge, misfits, nothing
from lakehouse.formats.ordered_parallel import in_order
from lakehouse.formats.refusals import refusal, shown
from lakehouse.formats.types import STRING, is_lossless


class KeptBlocks(msgspec.Struct, frozen=True):
    """A block's rows as they were read: each column as the type that held for it so far, or text."""

    place: Place
    rows: pa.RecordBatch

    def tells(self, types: Sequence[str]) -> bool:
        """Whether the rows are known as these types too, which hold for their text."""
        return all(
            is_lossless(str(column.type), name)
            for column, name in zip(self.rows.columns, types, strict=True)
        )


class Survey(msgspec.Struct, frozen=True):
    """What a whole file holds; `lines` maps a column's index to its first misfit's line.

    `blocks` are the rows of the file's first blocks and the places of those that follow, to be
    read once more.
    """

    findings: Findings
    lines: Mapping[int, int]
    blocks: tuple[KeptBlocks | Place, ...]

    def settled(self, types: Sequence[str]) -> deque[KeptBlocks | Place]:
        """The blocks, all types being known: kept rows that do not tell what they are are places."""
        return deque(
            block if isinstance(block, Place) or block.tells(types) else block.place
            for block in self.blocks
        )

    def is_small(self, size_bytes: int) -> bool:
        """Whether all of the file's rows are kept, in at most `size_bytes`."""
        kept = [block.rows for block in self.blocks if isinstance(block, KeptBlocks)]
        room_bytes = sum(rows.get_total_buffer_size() for rows in kept)
        return len(kept) == len(self.blocks) and room_bytes <= size_bytes


class _Read(msgspec.Struct, frozen=True):
    block: Block
    text: pa.RecordBatch
    rows: pa.RecordBatch
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
    found, room = list[KeptBlocks | Place](), reader.limits.kept_bytes

    def read(block: Block) -> _Read:
        before = findings
        text = reader.read(block)
        after, columns = judge(text, before)
        rows = _rows(text, columns, wanted)
        return _Read(block, text, rows, after, misfits(text, before, after, wanted))

    for done in in_order(pool, read, blocks, reader.limits.threads):
        _refuse_forced(done, reader, wanted, forced)
        for index, row in done.misfits.items():
            lines.setdefault(index, reader.line_of(done.block, row))
        findings = merge(findings, done.findings)
        room -= done.rows.get_total_buffer_size()
        place = done.block.place()
        found.append(KeptBlocks(place, done.rows) if room >= 0 else place)
    return Survey(findings, lines, tuple(found))


def _rows(
    text: pa.RecordBatch, columns: Sequence[pa.Array], wanted: Sequence[str | None]
) -> pa.RecordBatch:
    """The columns as they were read; those that are wanted as text, which all is, as they stand."""
    kept = [
        text.column(index) if type_ == STRING else columns[index]
        for index, type_ in enumerate(wanted)
    ]
    return pa.RecordBatch.from_arrays(kept, names=text.schema.names)


def _refuse_forced(
    done: _Read, reader: TextReader, wanted: Sequence[str | None], forced: frozenset[int]
) -> None:
    rows = [(row, index) for index, row in done.misfits.items() if index in forced]
    if not rows:
        return
    row, index = min(rows)
    line, column = reader.line_of(done.block, row), reader.names[index]
    reason = f"{shown(done.text.column(index)[row].as_py())} does not fit {wanted[index]}"
    detail = f"line {line}, column {column}: {reason}"
    raise refusal("value_does_not_fit", detail, line=line, column=column, reason=reason)
