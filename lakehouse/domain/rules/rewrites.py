"""The rules about changing single rows of a dataset: which objects take the place of which. Pure.

Part of `decide`. The rows were found in a state that may be past: an event is only made when every
object that the dataset has now was searched. So each change acts on all rows of all events before its own.
"""

from journal.events import DatasetRewritten
from lakehouse.domain.commands import RewriteDataset, Rewritten
from lakehouse.domain.decision import DataStep, Decision, NeedsData, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.rules.objects import uploaded_again
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State


def rewrite(state: State, command: RewriteDataset) -> Decision:
    """The objects with these rows are replaced, unless the dataset no longer has them."""
    live = catalog.find(state.catalog, command.name)
    if live is None:
        return Refused("dataset_not_found", f"there is no dataset {command.name}")
    work = command.rewritten
    if work is None:
        return NeedsData(DataStep.FIND_ROWS, "the rows are not found yet")
    if (reason := _outdated(live, work)) is not None:
        return NeedsData(DataStep.FIND_ROWS, reason)
    if not work.replaced:
        return Unchanged(None)
    if not work.uploaded:
        return NeedsData(DataStep.UPLOAD, "the objects are not uploaded yet")
    written = tuple(item.blob for each in work.replaced for item in each.by)
    if needs := uploaded_again(state, written):
        return needs
    return DatasetRewritten(
        live.dataset_id,
        live.name,
        command.kind,
        live.schema_fingerprint,
        live.schema,
        work.replaced,
        _row_count(live, work),
        statement=command.statement,
    )


def _outdated(live: Dataset, work: Rewritten) -> str | None:
    """Why rows must be searched again, or None."""
    if live.schema_fingerprint != work.read_under:
        return "the dataset's schema has changed"
    held = {item.blob for item in live.objects}
    if any(blob not in held for each in work.replaced for blob in each.blobs):
        return "another change has replaced one of the objects"
    if not held <= work.examined:
        return "the dataset has objects that were not searched"
    return None


def _row_count(live: Dataset, work: Rewritten) -> int | None:
    """Number of rows that the dataset has now; None where it is unknown or was registered wrongly.

    The rows of a registered dataset are not counted.
    """
    if live.row_count is None:
        return None
    left = live.row_count + sum(each.rows_added - each.rows_removed for each in work.replaced)
    return left if left >= 0 else None
