"""The rules of stores and copies. Pure; a part of `decide`.

Must never leave a blob without a copy that is read, nor let an event name a key that may be deleted.
FORMAT.md, "Gc cannot race", gives the reasons.
"""

from typing import assert_never

from journal.bucket.keys import blob_tag
from journal.store_events import (
    MAIN,
    CopiesCollected,
    CopiesReleased,
    CopyKey,
    ObjectsCopied,
    StoreChange,
    StoreDropped,
    StorePut,
)
from lakehouse.domain.counts import counted
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Refused
from lakehouse.domain.stores.commands import (
    AnyStoreCommand,
    DropStore,
    PutStore,
    RecordCopies,
    RecordCopiesCollected,
    ReleaseCopies,
)
from projections import inventory, stores
from projections.fold import State
from projections.stores import Stores

MAX_STORES = 100


def decide(state: State, command: AnyStoreCommand) -> Decision:
    """What becomes of a command about a store."""
    match command:
        case PutStore():
            return _put(state, command)
        case DropStore():
            return _drop(state, command)
        case RecordCopies():
            return _record(state, command)
        case ReleaseCopies():
            return _release(state, command)
        case RecordCopiesCollected():
            return _collected(state, command)
    assert_never(command)


def command_of(data: StoreChange) -> AnyStoreCommand:
    """The command of an event."""
    match data:
        case StorePut():
            return PutStore(data.store, data.url, data.credentials, data.place, "")
        case StoreDropped():
            return DropStore(data.store)
        case ObjectsCopied():
            return RecordCopies(data.store, data.run, data.copies)
        case CopiesReleased():
            return ReleaseCopies(data.store, data.run, data.keys)
        case CopiesCollected():
            return RecordCopiesCollected(data.store, data.run, data.keys)
    assert_never(data)


def no_store(store: str) -> Refused:
    """The refusal of a store that does not exist."""
    return Refused("store_not_found", f"there is no store {store[:64]}")


def overlaps(place: str, other: str) -> bool:
    """Whether two places are equal, or one lies in the other. A place ends in a slash."""
    return bool(place and other) and (place.startswith(other) or other.startswith(place))


def _put(state: State, command: PutStore) -> Decision:
    now = state.stores
    if command.store == MAIN:
        return Refused("store_taken", "main is the store that has the journal; use another id")
    places = {MAIN: command.main_place} | {
        store.id: store.place for store in now.stores.values() if store.id != command.store
    }
    for id_, place in places.items():
        if overlaps(command.place, place):
            return Refused(
                "store_taken", f"{command.url} is the place of the store {id_}, or in it"
            )
    live = now.stores.get(command.store)
    if live is None and len(now.stores) >= MAX_STORES:
        return Refused("invalid_request", f"a lake has at most {MAX_STORES} stores")
    data = StorePut(command.store, command.url, command.credentials, command.place)
    if live is None:
        return data
    if (live.url, live.credentials, live.place) == (data.url, data.credentials, data.place):
        return Unchanged(live.seq)
    return (_holds(now, command.store) if live.place != data.place else None) or data


def _drop(state: State, command: DropStore) -> Decision:
    if command.store not in state.stores.stores:
        return no_store(command.store)
    return _holds(state.stores, command.store) or StoreDropped(command.store)


def _holds(now: Stores, store: str) -> Refused | None:
    """The refusal to leave a store that holds copies."""
    count = sum(1 for _ in stores.in_store(now, store))
    count += sum(1 for stray in now.strays.values() if stray.store == store)
    if not count:
        return None
    detail = f"{store} holds {counted(count, 'copy', 'copies')}"
    return Refused("store_in_use", detail)


def _record(state: State, command: RecordCopies) -> Decision:
    """Record the copies that are needed and whose keys may be used; the others are left to gc."""
    if command.store != MAIN and command.store not in state.stores.stores:
        return no_store(command.store)
    copies: dict[str, CopyKey] = {}
    for copy in command.copies:
        if copy.blob not in copies and _may_record(state, command.store, copy):
            copies[copy.blob] = copy
    if not copies:
        return Unchanged(None)
    return ObjectsCopied(command.store, command.run, tuple(copies.values()))


def _may_record(state: State, store: str, copy: CopyKey) -> bool:
    if not _is_readable(state, copy.blob) or not _is_fresh(state, copy.key):
        return False
    return all(each.store != store for each in stores.readable(state.stores, copy.blob))


def _is_readable(state: State, blob: str) -> bool:
    now = state.inventory
    return blob in now.blobs and blob not in now.marked


def _is_fresh(state: State, key: str) -> bool:
    """Whether no event has named this key, and gc may not have deleted it."""
    if blob_tag(key) is None or key in state.inventory.blobs or key in state.stores.strays:
        return False
    return stores.blob_at(state.stores, key) is None and _lost(state, key) is None


def _lost(state: State, key: str) -> int | None:
    return inventory.lost_to(state.inventory, key)


def _release(state: State, command: ReleaseCopies) -> Decision:
    """Release what may go. Final: no later event refers to these keys."""
    keys = tuple(
        key for key in dict.fromkeys(command.keys) if _may_release(state, command.store, key)
    )
    return CopiesReleased(command.store, command.run, keys) if keys else Unchanged(None)


def _may_release(state: State, store: str, key: str) -> bool:
    now = state.stores
    blob = stores.blob_at(now, key)
    if blob is None:
        return store in now.stores and _is_fresh(state, key)
    readable = stores.readable(now, blob)
    return len(readable) > 1 and any((c.store, c.key) == (store, key) for c in readable)


def _collected(state: State, command: RecordCopiesCollected) -> Decision:
    """Record what is released and not recorded yet."""
    keys = tuple(key for key in command.keys if _is_released(state.stores, command.store, key))
    return CopiesCollected(command.store, command.run, keys) if keys else Unchanged(None)


def _is_released(now: Stores, store: str, key: str) -> bool:
    stray, blob = now.strays.get(key), stores.blob_at(now, key)
    if stray is not None:
        return stray.store == store
    copies = stores.copies_of(now, blob) if blob is not None else ()
    return any(c.released and (c.store, c.key) == (store, key) for c in copies)
