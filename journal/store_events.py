"""The events of stores and of the copies in them. Pure.

Must never hold a credential: `credentials` is the name of a table in each process's secrets file.
"""

from typing import ClassVar

from journal.event_records import Record

MAIN = "main"
"""The id of the store that has the journal. It needs no event."""


class StoreEvent(Record, frozen=True):
    """An event of a store. It changes no rows, no name and no key."""

    store: str


class StorePut(StoreEvent, frozen=True):
    """A store is exactly this, new or replaced. `place`: its URL in a form that can be compared."""

    TYPE: ClassVar[str] = "store_put"
    url: str
    credentials: str | None
    place: str


class StoreDropped(StoreEvent, frozen=True):
    """A store was dropped; it held no copy."""

    TYPE: ClassVar[str] = "store_dropped"


class CopyKey(Record, frozen=True):
    """A copy of `blob`: another object with the same bytes, under a key of its own."""

    blob: str
    key: str


class ObjectsCopied(StoreEvent, frozen=True):
    """These copies are in the store; their bytes were compared with the SHA-256 in the journal."""

    TYPE: ClassVar[str] = "objects_copied"
    run: str
    copies: tuple[CopyKey, ...]


class CopiesReleased(StoreEvent, frozen=True):
    """These keys of the store will be deleted: no later event may refer to them there. Final."""

    TYPE: ClassVar[str] = "copies_released"
    run: str
    keys: tuple[str, ...]


class CopiesCollected(StoreEvent, frozen=True):
    """These released keys of the store were deleted."""

    TYPE: ClassVar[str] = "copies_collected"
    run: str
    keys: tuple[str, ...]


StoreChange = StorePut | StoreDropped | ObjectsCopied | CopiesReleased | CopiesCollected
