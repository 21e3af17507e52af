"""What is told of the past, and of collection."""

from typing import Any

import msgspec

from lakehouse.web.shapes.shape import Shape


class Span(Shape, frozen=True, rename={"first": "from", "last": "to"}):
    """A number before and after; null where there was or is no dataset, or it is not known."""

    first: int | None
    last: int | None


class ObjectChanges(Shape, frozen=True):
    """Keys of the objects that came and went."""

    added: list[str]
    removed: list[str]


class DatasetChange(Shape, frozen=True):
    """What became of one dataset: `added`, `dropped` or `changed`; columns as schema_conflict has them."""

    name: str
    change: str
    rows: Span
    objects: ObjectChanges
    schema: list[dict[str, Any]]
    seq: Span


class CatalogDiff(Shape, frozen=True, rename={"first": "from"}):
    """What differs between two moments."""

    first: int
    to: int
    datasets: list[DatasetChange]


class PinReceipt(Shape, frozen=True):
    """What is kept, or no longer; `seq` is the event's that says so."""

    name: str
    as_of_seq: int
    seq: int


class ListedPin(PinReceipt, frozen=True, kw_only=True):
    """A pin, with who made it and why."""

    objects: int
    at: str
    actor: str
    reason: str | None


class Pins(Shape, frozen=True):
    """All pins, oldest first."""

    pins: list[ListedPin]


class Undone(Shape, frozen=True):
    """What undoes a change, and what differs by it; `type` is null where nothing needs to be done."""

    dry_run: bool
    undoes: int
    undone_type: str
    type: str | None
    datasets: list[DatasetChange]
    key: str | None
    seq: int


class FoundObject(Shape, frozen=True):
    """An object that nothing refers to, or that is foreign; `key` is what it was stored under."""

    object: str
    key: str | None
    size_bytes: int | None
    verdict: str
    why: str
    since: int | None


class CollectionReport(Shape, frozen=True):
    """What nothing refers to any more, and, unless it was a dry run, what became of it."""

    dry_run: bool
    run: str
    cutoff_seq: int
    objects: list[FoundObject]
    object_count: int
    size_bytes: int
    foreign: list[FoundObject]
    foreign_count: int
    seq: int
    marked: int | msgspec.UnsetType = msgspec.UNSET
    marked_bytes: int | msgspec.UnsetType = msgspec.UNSET
    deleted: int | msgspec.UnsetType = msgspec.UNSET
    deleted_again: int | msgspec.UnsetType = msgspec.UNSET
    left: int | msgspec.UnsetType = msgspec.UNSET
    aborted_uploads: int | msgspec.UnsetType = msgspec.UNSET
