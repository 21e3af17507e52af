"""The rules of compaction: adjacent objects of a dataset become others with the same rows. Pure.

Part of `decide`. Any other change of the same objects or of the schema wins: the compaction is planned
again. Must never change what a dataset's rows are, nor their order.
"""

from journal.events import COMPACT, DatasetRewritten, Replacement
from lakehouse.domain.decision import DataStep, Decision, NeedsData
from lakehouse.domain.rows.commands import CompactDataset
from lakehouse.domain.rules.objects import uploaded_again
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State


def compact(state: State, command: CompactDataset) -> Decision:
    """The objects are replaced, unless the dataset no longer has them in this order."""
    if sum(command.rows) != sum(item.row_count or 0 for item in command.by):
        raise ValueError(f"a compaction of {command.name} would change the number of its rows")
    live = catalog.find(state.catalog, command.name)
    if live is None:
        return NeedsData(DataStep.PLAN_AGAIN, "the dataset was dropped")
    if live.schema_fingerprint != command.read_under:
        return NeedsData(DataStep.PLAN_AGAIN, "the dataset's schema has changed")
    if not _holds(live, command.blobs):
        return NeedsData(DataStep.PLAN_AGAIN, "another change has replaced the objects")
    if needs := uploaded_again(state, tuple(item.blob for item in command.by)):
        return needs
    retyped = command.retyped
    if retyped is None or not _only(live, {*command.blobs, *retyped.blobs}):
        schema, print_ = live.schema, live.schema_fingerprint
    else:
        schema, print_ = retyped.schema, retyped.schema_fingerprint
    return DatasetRewritten(
        live.dataset_id,
        live.name,
        COMPACT,
        print_,
        schema,
        (Replacement(command.blobs, command.by, 0, 0, command.rows),),
        live.row_count,
    )


def _holds(live: Dataset, blobs: tuple[str, ...]) -> bool:
    """Whether these objects stand together in this order, each once: a blob names its place then."""
    held = [item.blob for item in live.objects]
    start = held.index(blobs[0]) if blobs[0] in held else 0
    together = tuple(held[start : start + len(blobs)]) == blobs
    named = set(blobs)
    return together and len(named) == len(blobs) == sum(blob in named for blob in held)


def _only(live: Dataset, blobs: set[str]) -> bool:
    return all(item.blob in blobs for item in live.objects)
