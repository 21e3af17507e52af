"""The rules about stored objects: a key's versions, and which blobs may be referred to. Pure.

Part of `decide`. Must never let an event refer to a blob that gc has marked.
"""

from typing import assert_never

import msgspec

from journal.events import ObjectForgotten, ObjectStored
from lakehouse.domain.commands import ForgetObject, StoreObject
from lakehouse.domain.decision import DataStep, Decision, NeedsData, Unchanged
from lakehouse.domain.errors import Refused
from projections import inventory
from projections.fold import State


def decide(state: State, command: StoreObject | ForgetObject) -> Decision:
    """What becomes of a command about a key."""
    match command:
        case StoreObject():
            return store(state, command)
        case ForgetObject():
            return forget(state, command)
    assert_never(command)


def store(state: State, command: StoreObject) -> Decision:
    """A new version of a key, unless the key has these bytes already."""
    command = _seen_from(state, command)
    now = inventory.current(state.inventory, command.key)
    if command.only_if_absent and now is not None:
        return Refused("key_exists", f"{command.key!r} already exists (event {now.seq})")
    if now is not None and now.sha256 == command.sha256:
        return Unchanged(now.seq)
    if command.blob is None:
        return NeedsData(DataStep.UPLOAD, "the bytes are not uploaded yet")
    if needs := uploaded_again(state, (command.blob,)):
        return needs
    return ObjectStored(
        command.key,
        command.blob,
        command.size_bytes,
        command.sha256,
        command.content_type,
        command.block_hashes,
    )


def _seen_from(state: State, command: StoreObject) -> StoreObject:
    """The command with the successor of a past version whose rows were erased."""
    erasure = state.inventory.erased.get(command.blob) if command.blob is not None else None
    if erasure is None or erasure.by is None:
        return command
    by = state.inventory.blobs[erasure.by.blob]
    return msgspec.structs.replace(
        command,
        size_bytes=by.size_bytes,
        sha256=by.sha256,
        blob=by.blob,
        block_hashes=by.block_hashes,
    )


def forget(state: State, command: ForgetObject) -> Decision:
    """Remove the key, unless a live dataset holds its current version."""
    blob = state.inventory.keys.get(command.key)
    if blob is None:
        return Unchanged(None)
    if inventory.is_held(state.inventory, blob):
        detail = f"a live dataset holds the current version of {command.key!r}"
        return Refused("object_in_use", detail)
    return ObjectForgotten(command.key)


def uploaded_again(state: State, blobs: tuple[str, ...]) -> NeedsData | None:
    """The step that replaces blobs of which one may not be referred to; None if all may. A mark is final."""
    for blob in blobs:
        if (seq := inventory.lost_to(state.inventory, blob)) is not None:
            return NeedsData(DataStep.UPLOAD_AGAIN, f"event {seq} marked {blob} for removal")
    return None
