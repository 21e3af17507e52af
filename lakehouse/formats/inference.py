"""Inference: what the values seen so far allow each column to be, folded over batches.

Pure: a fold whose steps may be computed side by side, since each only ever takes types away. It
opens no file and words no refusal.
"""

from collections.abc import Mapping, Sequence

import msgspec
import pyarrow as pa

from lakehouse.formats.types import STRING, TYPES, first_misfit, judged

ALL = tuple(TYPES)


class Findings(msgspec.Struct, frozen=True):
    """By column: the types that hold for all values so far, and whether there was any value."""

    types: tuple[tuple[str, ...], ...]
    seen: tuple[bool, ...]

    def decided(self) -> tuple[str, ...]:
        """The type of each column: the first that holds, text where there is no value at all."""
        pairs = zip(self.types, self.seen, strict=True)
        return tuple(types[0] if seen else STRING for types, seen in pairs)


def nothing(columns: int) -> Findings:
    """Before the first value: anything is possible."""
    return Findings((ALL,) * columns, (False,) * columns)


def judge(batch: pa.RecordBatch, before: Findings) -> tuple[Findings, tuple[pa.Array, ...]]:
    """What `batch` alone allows, of what was possible before it; its columns as the first of that."""
    columns = tuple(map(judged, batch.columns, before.types))
    seen = tuple(column.null_count < len(column) for column in batch.columns)
    findings = Findings(tuple(column.types for column in columns), seen)
    return findings, tuple(column.values for column in columns)


def merge(before: Findings, after: Findings) -> Findings:
    """What both allow; in either order the same."""
    types = zip(before.types, after.types, strict=True)
    seen = zip(before.seen, after.seen, strict=True)
    return Findings(
        tuple(old if old == new else tuple(t for t in old if t in new) for old, new in types),
        tuple(old or new for old, new in seen),
    )


def misfits(
    batch: pa.RecordBatch, before: Findings, after: Findings, wanted: Sequence[str | None]
) -> Mapping[int, int]:
    """Column index to the row of the first value that is not of the wanted type, in this batch.

    A column whose wanted type was out of question before is left out: its row came earlier.
    """
    return {
        index: first_misfit(batch.column(index), type_)
        for index, type_ in enumerate(wanted)
        if type_ in before.types[index] and type_ not in after.types[index]
    }
