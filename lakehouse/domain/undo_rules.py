"""The inverse of a change, where it has one, as a command on the state before it. Pure.

A change can be undone while it is the last word on what it was about; `decide` judges that on the
present. What has no inverse is told with the reason.
"""

from journal.events import (
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRegistered,
    DatasetRestored,
    DatasetUnpinned,
    FormatRaised,
    LakeAdopted,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
)
from lakehouse.domain.commands import (
    Command,
    DropDataset,
    ForgetObject,
    RestoreDataset,
    StoreObject,
    UnpinDataset,
)
from lakehouse.domain.errors import Refused
from projections import catalog, inventory
from projections.fold import State

_FINAL = {
    ObjectsMarked: "a mark is final: the object may be deleted at any moment",
    ObjectsCollected: "the bytes are gone",
    FormatRaised: "slots of the newer format may have been written since",
    LakeAdopted: "it tells what happened outside of the journal",
    DatasetUnpinned: "pin it again: what it kept may have been collected since",
}


def inverse(data: Data, before: State) -> Command | Refused:
    """What undoes an event; `before` is the state that it was decided on."""
    match data:
        case DatasetRegistered() | DatasetAppended() | DatasetRestored() | DatasetDropped():
            was = catalog.find(before.catalog, data.name)
            return RestoreDataset(before.head.seq, was) if was else DropDataset(data.name)
        case ObjectStored() | ObjectForgotten():
            return _key(data.key, before)
        case DatasetPinned():
            return UnpinDataset(data.name, data.as_of_seq)
        case _:
            return Refused("cannot_undo", f"{data.TYPE}: {_FINAL[type(data)]}")


def _key(key: str, before: State) -> Command:
    was = inventory.current(before.inventory, key)
    if was is None:
        return ForgetObject(key)
    content_type = was.content_type or "application/octet-stream"
    return StoreObject(
        key, was.size_bytes, was.sha256, content_type, was.blob, block_hashes=was.block_hashes
    )
