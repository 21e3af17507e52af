"""Inference: the types that each column's values so far allow, folded over batches.

Pure: a fold whose steps may be computed in parallel, since each only removes types. It opens no
file and words no refusal.
"""

from collections.abc import Mapping, Sequence

import msgspec
import pyarrow as pa

from lakehouse.formats.types.fitting import all_fit, first_misfit
from lakehouse.formats.types.names import STRING
from lakehouse.formats.types.table import TYPES, classify

ALL = tuple(TYPES)


class TypeCandidates(msgspec.Struct, frozen=True):
    """By column: the types that hold for all values so far, and whether there was any value."""

    types: tuple[tuple[str, ...], ...]
    seen: tuple[bool, ...]

    def decided(self) -> tuple[str, ...]:
        """The type of each column: the first that holds, text where there is no value at all."""
        pairs = zip(self.types, self.seen, strict=True)
        return tuple(types[0] if seen else STRING for types, seen in pairs)


def no_values(columns: int) -> TypeCandidates:
    """Before the first value: every type is possible."""
    return TypeCandidates((ALL,) * columns, (False,) * columns)


def narrow(
    batch: pa.RecordBatch, before: TypeCandidates
) -> tuple[TypeCandidates, tuple[pa.Array, ...]]:
    """The types that `batch` alone allows, of those possible before; its columns as the first of them."""
    columns = tuple(map(classify, batch.columns, before.types))
    seen = tuple(column.null_count < len(column) for column in batch.columns)
    candidates = TypeCandidates(tuple(column.types for column in columns), seen)
    return candidates, tuple(column.values for column in columns)


def merge(before: TypeCandidates, after: TypeCandidates) -> TypeCandidates:
    """The types that both allow; the order does not matter."""
    types = zip(before.types, after.types, strict=True)
    seen = zip(before.seen, after.seen, strict=True)
    return TypeCandidates(
        tuple(old if old == new else tuple(t for t in old if t in new) for old, new in types),
        tuple(old or new for old, new in seen),
    )


def misfits(
    batch: pa.RecordBatch,
    before: TypeCandidates,
    after: TypeCandidates,
    wanted: Sequence[str | None],
) -> Mapping[int, int]:
    """Column index to the row of the first value that is not of the wanted type, in this batch.

    A column whose wanted type is one of the table and was impossible before is left out: its row
    came earlier.
    """
    return {
        index: first_misfit(batch.column(index), type_)
        for index, type_ in enumerate(wanted)
        if type_ is not None and _is_refuted(batch, index, type_, before, after)
    }


def _is_refuted(
    batch: pa.RecordBatch, index: int, type_: str, before: TypeCandidates, after: TypeCandidates
) -> bool:
    if type_ in TYPES:
        return type_ in before.types[index] and type_ not in after.types[index]
    return not all_fit(batch.column(index), type_)
