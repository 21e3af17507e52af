"""What may be asked that changes stores and copies: one frozen value per change. Pure."""

import msgspec

from journal.store_events import CopyKey


class StoreCommand(msgspec.Struct, frozen=True):
    """A command about a store."""

    store: str


class PutStore(StoreCommand, frozen=True):
    """Make a store, or change what an empty one is; `main_place` is the place of the main store."""

    url: str
    credentials: str | None
    place: str
    main_place: str


class DropStore(StoreCommand, frozen=True):
    """Remove a store that holds no copy."""


class RecordCopies(StoreCommand, frozen=True):
    """These copies are in the store, and their bytes were compared."""

    run: str
    copies: tuple[CopyKey, ...]


class ReleaseCopies(StoreCommand, frozen=True):
    """No event may refer to these keys of the store any more."""

    run: str
    keys: tuple[str, ...]


class RecordCopiesCollected(StoreCommand, frozen=True):
    """These released keys were answered deleted, or absent."""

    run: str
    keys: tuple[str, ...]


AnyStoreCommand = PutStore | DropStore | RecordCopies | ReleaseCopies | RecordCopiesCollected
