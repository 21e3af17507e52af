"""The survey: the first pass over a file, which finds the types its columns allow, and its blocks.

It reads blocks in parallel and takes their results in file order, so that no result depends on
threads. It decides no type and writes no Parquet.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial

import msgspec
import pyarrow as pa

from lakehouse.formats.csv.blocks import Block, BlockRange
from lakehouse.formats.csv.text_reader import TextReader
from lakehouse.formats.ordered_parallel import BudgetShare, ByteBudget, ordered_parallel_map
from lakehouse.formats.reasons.values import TypeEvidence
from lakehouse.formats.refusals import refusal, shown
from lakehouse.formats.types.inference import TypeCandidates, merge, misfits, narrow, no_values
from lakehouse.formats.types.names import STRING
from lakehouse.formats.types.stored import ROUNDED_DOUBLE, rounded_count, type_label
from lakehouse.formats.types.table import TYPES, is_lossless

_READ_TYPES = frozenset(TYPES) - {STRING}


class ReadBlock(msgspec.Struct, frozen=True):
    """A block's rows as they were read: each column as the type that held for it so far, or text."""

    range: BlockRange
    rows: pa.RecordBatch
    kept_bytes: int
    """What the rows take in memory."""

    def is_lossless_as(self, types: Sequence[str]) -> bool:
        """Whether the rows can become these types, which hold for their text, without the text."""
        return all(
            is_lossless(str(column.type), name)
            for column, name in zip(self.rows.columns, types, strict=True)
        )


class Survey(msgspec.Struct, frozen=True):
    """What a whole file holds; `lines` maps a column's index to its first misfit's line, `rounded`
    to the number of its values that become other numbers.

    `blocks` are the rows of those blocks that could be kept, and the places of the others, to be read
    once more.
    """

    candidates: TypeCandidates
    lines: Mapping[int, int]
    rounded: Mapping[int, int]
    blocks: tuple[ReadBlock | BlockRange, ...]

    def known_as(self, types: Sequence[str]) -> deque[ReadBlock | BlockRange]:
        """The blocks under their final types: rows that must be read again become their ranges."""
        return deque(
            block if isinstance(block, BlockRange) or block.is_lossless_as(types) else block.range
            for block in self.blocks
        )

    def is_small(self, size_bytes: int) -> bool:
        """Whether all of the file's rows are kept, in at most `size_bytes`."""
        kept = [block.kept_bytes for block in self.blocks if isinstance(block, ReadBlock)]
        return len(kept) == len(self.blocks) and sum(kept) <= size_bytes


class _Read(msgspec.Struct, frozen=True):
    block: Block
    text: pa.RecordBatch
    rows: pa.RecordBatch
    candidates: TypeCandidates
    misfits: Mapping[int, int]
    rounded: Mapping[int, int]


def survey(
    blocks: Iterable[Block],
    reader: TextReader,
    wanted: Sequence[str | None],
    forced: frozenset[int],
    pool: Executor,
    budget: ByteBudget,
    kept: BudgetShare,
    evidence: TypeEvidence | None = None,
) -> Survey:
    """Read every block, and fold the types that it allows into the candidates.

    Blocks' rows are kept as far as `kept` allows. `wanted` names the type that each column's values
    are held against, None where there is none.
    `evidence` takes the values that decide the types.
    Raises RefusedError `malformed_csv`, and `value_does_not_fit` for a column in `forced`.
    """
    candidates, lines = no_values(len(reader.names)), dict[int, int]()
    rounded = Counter[int]()
    found = list[ReadBlock | BlockRange]()

    def read(block: Block) -> _Read:
        before = candidates
        text = reader.read(block)
        after, columns = narrow(text, before)
        rows = _rows(text, columns, wanted)
        unfit = misfits(text, before, after, wanted)
        return _Read(block, text, rows, after, unfit, _rounded(text, wanted, unfit))

    for done in ordered_parallel_map(
        pool, read, blocks, reader.limits.threads, budget, lambda block: len(block.data)
    ):
        _refuse_forced(done, reader, wanted, forced)
        for index, row in done.misfits.items():
            lines.setdefault(index, reader.line_of(done.block, row))
        rounded.update(done.rounded)
        if evidence is not None:
            lines_of = partial(reader.lines_of, done.block)
            evidence.add(done.text, candidates, done.candidates, lines_of)
        candidates = merge(candidates, done.candidates)
        where, size_bytes = done.block.range(), done.rows.get_total_buffer_size()
        found.append(ReadBlock(where, done.rows, size_bytes) if kept.take(size_bytes) else where)
    return Survey(candidates, lines, +rounded, tuple(found))


def _rows(
    text: pa.RecordBatch, columns: Sequence[pa.Array], wanted: Sequence[str | None]
) -> pa.RecordBatch:
    """The columns as they were read, or as text where the wanted type asks for it."""
    kept = [
        columns[index] if type_ is None or type_ in _READ_TYPES else text.column(index)
        for index, type_ in enumerate(wanted)
    ]
    return pa.RecordBatch.from_arrays(kept, names=text.schema.names)


def _rounded(
    text: pa.RecordBatch, wanted: Sequence[str | None], unfit: Mapping[int, int]
) -> Mapping[int, int]:
    """Column index to the number of values that become other numbers."""
    return {
        index: rounded_count(text.column(index))
        for index, type_ in enumerate(wanted)
        if type_ == ROUNDED_DOUBLE and index not in unfit
    }


def _refuse_forced(
    done: _Read, reader: TextReader, wanted: Sequence[str | None], forced: frozenset[int]
) -> None:
    rows = [(row, index) for index, row in done.misfits.items() if index in forced]
    if not rows:
        return
    row, index = min(rows)
    line, column = reader.line_of(done.block, row), reader.names[index]
    value = shown(done.text.column(index)[row].as_py())
    reason = f"{value} does not fit {type_label(wanted[index] or STRING)}"
    detail = f"line {line}, column {column}: {reason}"
    raise refusal("value_does_not_fit", detail, line=line, column=column, reason=reason)
