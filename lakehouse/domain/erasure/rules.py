"""The rules of erasure: which blobs may be replaced at every moment. Pure; a part of `decide`.

Whether an object holds such rows was found before; here it is only decided whether that is still
what the lake holds. Must never let a successor take the place of a blob that was replaced, marked or
committed meanwhile.
"""

from collections.abc import Container

from journal.events import RowsErased
from lakehouse.domain.commands import EraseRows
from lakehouse.domain.decision import DataStep, Decision, NeedsData, Unchanged
from projections import catalog, inventory
from projections.fold import State


def erase(state: State, command: EraseRows) -> Decision:
    """Replace all of the blobs, or answer that their rows must be found again."""
    if not command.replaced and not command.staged:
        return Unchanged(None)
    if needs := _outdated(state, command):
        return needs
    replaced = command.replaced + command.staged
    rows = sum(each.rows for each in replaced)
    names = holders(state, command.name, {each.blob for each in command.replaced})
    return RowsErased(names, replaced, command.where_hash, command.moments, rows)


def holders(state: State, name: str, blobs: Container[str]) -> tuple[str, ...]:
    """The dataset that was named, and every other live one that holds one of these blobs."""
    found = (
        dataset.name
        for dataset in catalog.in_name_order(state.catalog)
        if any(item.blob in blobs for item in dataset.objects + dataset.quarantine)
    )
    return (name, *(each for each in found if each.lower() != name.lower()))


def _outdated(state: State, command: EraseRows) -> NeedsData | None:
    """Why what was found is not what the lake holds now, or None."""
    now = state.inventory
    for each in command.replaced:
        if each.blob not in now.blobs or each.blob in now.marked:
            return NeedsData(DataStep.FIND_ROWS, f"{each.blob} was replaced or marked meanwhile")
        if each.by is not None and inventory.lost_to(now, each.by.blob) is not None:
            return NeedsData(DataStep.FIND_ROWS, f"{each.by.blob} was marked before its use")
    for blob in (each.blob for each in command.staged):
        if blob in now.blobs or inventory.lost_to(now, blob) is not None:
            return NeedsData(DataStep.FIND_ROWS, f"{blob} was committed or marked meanwhile")
    return None


def command_of(data: RowsErased, before: State, now: State) -> EraseRows:
    """The erasure of those blobs that exist on the state `now`; `before` is the one it was decided on."""
    blobs = now.inventory.blobs
    replaced = tuple(each for each in data.replaced if each.blob in blobs)
    staged = tuple(each for each in data.replaced if each.blob not in before.inventory.blobs)
    return EraseRows(data.names[0], replaced, staged, data.where_hash, data.moments)
