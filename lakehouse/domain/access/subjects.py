"""What a change is about: the names and keys by which the right to see or to undo it is judged. Pure."""

from typing import assert_never

import msgspec

from journal.access_events import AccessEvent
from journal.definition_events import SourceEvent
from journal.events import (
    Change,
    DatasetAppended,
    DatasetDropped,
    DatasetPinned,
    DatasetRegistered,
    DatasetRenamed,
    DatasetRestored,
    DatasetRewritten,
    DatasetsSwapped,
    DatasetUnpinned,
    FormatRaised,
    LakeAdopted,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ObjectStored,
    ProfileDropped,
    ProfilePut,
    RowsErased,
    ViewDropped,
    ViewPut,
)
from journal.store_events import StoreEvent
from lakehouse.domain.access.rights import MANAGE, STORAGE, WRITE


class Subjects(msgspec.Struct, frozen=True):
    """The right that making or undoing a change requires, and on what; `reads`: what it shows besides."""

    right: str
    changed: tuple[str, ...]
    reads: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """All that one must be allowed to read to see the change."""
        return self.changed + self.reads


def subjects_of(change: Change) -> Subjects | None:
    """What a change is about; None for one that concerns the lake as a whole, and admins alone."""
    match change:
        case ObjectStored() | ObjectForgotten():
            return Subjects(WRITE, (STORAGE + change.key,))
        case DatasetRegistered() | DatasetAppended() | DatasetRestored() | DatasetDropped():
            return Subjects(WRITE, (change.name,))
        case DatasetPinned() | DatasetUnpinned() | DatasetRewritten():
            return Subjects(WRITE, (change.name,))
        case DatasetRenamed():
            return Subjects(MANAGE, (change.name, change.to))
        case DatasetsSwapped():
            return Subjects(MANAGE, (change.a, change.b))
        case ViewPut() | ViewDropped() | ProfilePut() | ProfileDropped():
            return _of_definition(change)
        case AccessEvent() | StoreEvent() | SourceEvent():
            return None
        case ObjectsMarked() | ObjectsCollected() | RowsErased() | FormatRaised() | LakeAdopted():
            return None
    assert_never(change)


def _of_definition(change: ViewPut | ViewDropped | ProfilePut | ProfileDropped) -> Subjects | None:
    match change:
        case ViewPut():
            return Subjects(MANAGE, (change.name,), change.reads)
        case ViewDropped():
            return Subjects(MANAGE, (change.name,))
        case ProfilePut():
            aliases = tuple(each.alias for each in change.names)
            return Subjects(MANAGE, aliases, tuple(each.to for each in change.names))
        case ProfileDropped():
            return None
    assert_never(change)
