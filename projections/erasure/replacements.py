"""Erasures: which object took the place of which blob, at every moment. Pure.

Owns the chain of replacements: a blob that was replaced twice names its last successor. Must never
know how a dataset or a pin holds objects; these ask here.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import msgspec

from journal.events import Object, RowsErased
from projections import pins, rewrites
from projections.overlay import Overlay
from projections.rewrites import Rewrite


class Erasure(msgspec.Struct, frozen=True, gc=False):
    """What took a blob's place: `by`, without its block hashes; None where no row is left.

    `rows`: how many rows were removed in all; `seq`: the event that erased last.
    """

    by: Object | None
    rows: int
    seq: int


Find = Callable[[str], Erasure | None]
"""The erasure of a blob, if it was replaced."""


class InventoryDraft(Protocol):
    """What is needed of an inventory while events are folded into it; see `inventory.Inventory`."""

    keys: Overlay[str, str]
    blobs: Overlay[str, Any]
    references: Overlay[str, int]
    released: Overlay[str, int]
    pins: Overlay[str, Any]
    pinned: Overlay[str, int]
    marked: Overlay[str, int]
    rewrites: Overlay[str, Rewrite]
    erased: Overlay[str, Erasure]
    erased_at: int


def of_event(data: RowsErased, seq: int) -> dict[str, Erasure]:
    """The replacements of one event, by the blobs that were replaced."""
    return {each.blob: Erasure(_plain(each.by), each.rows, seq) for each in data.replaced}


def apply(
    draft: InventoryDraft,
    found: Mapping[str, Erasure],
    block_hashes: Mapping[str, str],
    erased_at: int,
) -> None:
    """Let successors take the place of blobs, which are marked. `block_hashes`: of each successor.

    Of a blob that this inventory does not know only the mark counts: it was staged.
    """
    known = {blob: each for blob, each in found.items() if draft.blobs.find(blob) is not None}
    for blob, each in known.items():
        _succeed(draft, blob, each, block_hashes)
    for blob, each in found.items():
        draft.marked.put(blob, each.seq)
    successors = {blob: each.by.blob if each.by else None for blob, each in known.items()}
    pins.erase(draft.pins, draft.pinned, successors)
    rows = {blob: each.rows for blob, each in known.items()}
    rewrites.erase(
        draft.rewrites, successors, rows, lambda blob: draft.blobs.find(blob) is not None
    )
    _record(draft.erased, known)
    draft.erased_at = erased_at


def _succeed(
    draft: InventoryDraft, blob: str, erasure: Erasure, block_hashes: Mapping[str, str]
) -> None:
    """Move what refers to a blob to its successor, and how long nothing has referred to it."""
    was, by = draft.blobs.find(blob), erasure.by
    if was is None:
        return
    held, released = draft.references.find(blob), draft.released.find(blob)
    named = draft.keys.find(was.key) == blob
    draft.references.drop(blob)
    if named:
        draft.keys.drop(was.key)
    if released is None:
        draft.released.put(blob, erasure.seq)
    if by is None:
        return
    stored = msgspec.structs.replace(
        was,
        key=by.key,
        blob=by.blob,
        size_bytes=by.size_bytes,
        sha256=by.sha256,
        row_count=by.row_count,
        block_hashes=block_hashes.get(by.blob, ""),
    )
    draft.blobs.put(by.blob, stored)
    if held is not None:
        draft.references.put(by.blob, held)
    if named:
        draft.keys.put(by.key, by.blob)
    if held is None and not named:
        draft.released.put(by.blob, erasure.seq if released is None else released)


def _record(erased: Overlay[str, Erasure], found: Mapping[str, Erasure]) -> None:
    """Add replacements; those that led to a blob that is replaced now lead to its successor."""
    for blob, was in erased.items():
        last = found.get(was.by.blob) if was.by is not None else None
        if last is not None:
            erased.put(blob, Erasure(last.by, was.rows + last.rows, last.seq))
    for blob, each in found.items():
        erased.put(blob, each)


def forget(erased: Overlay[str, Erasure], collected: Collection[str]) -> None:
    """Remove the replacements whose successors were collected: such moments cannot be read any more."""
    gone = frozenset(collected)
    for blob, each in erased.items():
        if each.by is not None and each.by.blob in gone:
            erased.drop(blob)


def succeeded(objects: tuple[Object, ...], find: Find) -> tuple[Object, ...]:
    """`objects` with the successor of each that was replaced, in order."""
    found = ((item, find(item.blob)) for item in objects)
    now = (item if erasure is None else erasure.by for item, erasure in found)
    return tuple(item for item in now if item is not None)


def present(blob: str, find: Find) -> str:
    """The blob that holds the rows of `blob` now; `blob` itself where none does."""
    erasure = find(blob)
    return blob if erasure is None or erasure.by is None else erasure.by.blob


def removed(objects: tuple[Object, ...], find: Find) -> tuple[int, int]:
    """(rows that were removed from `objects`, seq of the last erasure that did), (0, 0) for none."""
    found = [erasure for item in objects if (erasure := find(item.blob)) is not None]
    return sum(each.rows for each in found), max((each.seq for each in found), default=0)


def _plain(item: Object | None) -> Object | None:
    return None if item is None else msgspec.structs.replace(item, block_hashes="")
