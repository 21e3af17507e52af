"""What an event holds that others need of every event: its version, its objects, the keys it names. Pure."""

from collections.abc import Sequence
from typing import assert_never

from journal.events import (
    BLOCKS_VERSION,
    RETRIES,
    VERSION,
    Data,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRegistered,
    DatasetRestored,
    DatasetUnpinned,
    FormatRaised,
    LakeAdopted,
    Object,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
)


def version_of(data: Data) -> int:
    """The version that an event with this data has."""
    return BLOCKS_VERSION if any(blocks for _, blocks in block_hashes_of(data)) else VERSION


def block_hashes_of(data: Data) -> list[tuple[int, str]]:
    """(size in bytes, block hashes) of each object that an event names with its size."""
    if isinstance(data, ObjectStored):
        return [(data.size_bytes, data.block_hashes)]
    return [(item.size_bytes, item.block_hashes) for item in objects_of(data)]


def objects_of(data: Data) -> tuple[Object, ...]:
    """Every object of an event that adds content: its rows, then its quarantine."""
    match data:
        case DatasetRegistered() | DatasetAppended() | DatasetRestored():
            return data.objects + data.quarantine
        case ObjectStored() | ObjectForgotten() | DatasetDropped():
            return ()
        case ObjectsMarked() | ObjectsCollected() | DatasetPinned() | DatasetUnpinned():
            return ()
        case FormatRaised() | LakeAdopted():
            return ()
    assert_never(data)


def retried_by(data: DatasetAppended) -> frozenset[str]:
    """The quarantine blobs that an append resolves: it brings their rows again."""
    if data.source is None:
        return frozenset()
    return frozenset(value for name, value in data.source.options if name == RETRIES)


def names_of(data: Data) -> tuple[Sequence[str], Sequence[str]]:
    """The users' keys and the blobs that an event names. An ingested object's key is its blob."""
    match data:
        case ObjectStored():
            return (data.key,), (data.blob,)
        case DatasetRegistered() | DatasetAppended() | DatasetRestored():
            objects = objects_of(data)
            keys = [item.key for item in objects if item.key != item.blob]
            return keys, [item.blob for item in objects]
        case ObjectsMarked() | ObjectsCollected() | DatasetPinned():
            return (), data.blobs
        case ObjectForgotten() | DatasetDropped() | DatasetUnpinned():
            return (), ()
        case FormatRaised() | LakeAdopted():
            return (), ()
    assert_never(data)
