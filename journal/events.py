"""The closed union of event types, version 1: facts, in the past tense, under stable tags.

Owns what an event holds and how one line of a slot is written and read. Must never refer to a
class path, a clock or a bucket. FORMAT.md, "Events", is the specification.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, assert_never, get_args

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
"""An integer that every JSON reader keeps: 0 to 2^53-1."""
Place = tuple[Count, Count]
"""(position of the slot, seq of the event)."""

VERSION = 1
BLOCKS_VERSION = 2
"""Of an event that records block hashes: a reader of version 1 stops at it, and needs an upgrade."""

RETRIES = "retries"
"""The option of an append's source that names a quarantine blob whose rows it brings again."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A part of an event. Unknown fields are damage: who adds one raises the version."""


class Object(Record, frozen=True, omit_defaults=True):
    """One version of one key: `blob` is the physical object that holds its bytes.

    `block_hashes` stand in the event that first names the blob, and in no other.
    """

    key: str
    blob: str
    size_bytes: Count
    sha256: str
    row_count: Count | None
    block_hashes: str = ""


class Column(Record, frozen=True):
    """A column's name and the name of its Arrow type."""

    name: str
    type: str


class Source(Record, frozen=True):
    """The file that was ingested, as received, and the options that changed how it was read."""

    sha256: str
    size_bytes: Count
    options: tuple[tuple[str, str], ...]


class Renamed(Record, frozen=True):
    """A header cell that could not be a column's name as written; `position` counts from 1."""

    position: Count
    was: str
    name: str


class Content(Record, frozen=True):
    """What a dataset holds, or what is added to one."""

    dataset_id: str
    name: str
    schema_fingerprint: str
    schema: tuple[Column, ...] | None
    objects: tuple[Object, ...]
    row_count: Count | None
    source: Source | None
    renamed: tuple[Renamed, ...]
    quarantine: tuple[Object, ...]


class ObjectStored(Record, frozen=True, omit_defaults=True):
    """A key got a first or a new version."""

    TYPE: ClassVar[str] = "object_stored"
    key: str
    blob: str
    size_bytes: Count
    sha256: str
    content_type: str
    block_hashes: str = ""


class ObjectForgotten(Record, frozen=True):
    """A key names nothing any more; its versions stay until they are collected."""

    TYPE: ClassVar[str] = "object_forgotten"
    key: str


class DatasetRegistered(Content, frozen=True):
    """A dataset is exactly this, new or replaced."""

    TYPE: ClassVar[str] = "dataset_registered"


class DatasetAppended(Content, frozen=True):
    """A dataset holds this besides what it held; its schema, perhaps wider now, is of all of it."""

    TYPE: ClassVar[str] = "dataset_appended"


class DatasetDropped(Record, frozen=True):
    """A dataset is no more; its name and fingerprint are free."""

    TYPE: ClassVar[str] = "dataset_dropped"
    name: str
    dataset_id: str


class DatasetRestored(Record, frozen=True):
    """A dataset is again what it was as of a seq: exactly this."""

    TYPE: ClassVar[str] = "dataset_restored"
    as_of_seq: Count
    dataset_id: str
    name: str
    schema_fingerprint: str
    schema: tuple[Column, ...] | None
    objects: tuple[Object, ...]
    row_count: Count | None
    source: Source | None
    renamed: tuple[Renamed, ...]
    quarantine: tuple[Object, ...]


class ObjectsMarked(Record, frozen=True):
    """These blobs will be deleted: from here on nothing may refer to them. Final."""

    TYPE: ClassVar[str] = "objects_marked"
    run: str
    cutoff_seq: Count
    blobs: tuple[str, ...]


class ObjectsCollected(Record, frozen=True):
    """These marked blobs are deleted."""

    TYPE: ClassVar[str] = "objects_collected"
    run: str
    blobs: tuple[str, ...]


class DatasetPinned(Record, frozen=True):
    """What a dataset held as of a seq is kept, however old it grows."""

    TYPE: ClassVar[str] = "dataset_pinned"
    name: str
    as_of_seq: Count
    blobs: tuple[str, ...]


class DatasetUnpinned(Record, frozen=True):
    """A pin is no more."""

    TYPE: ClassVar[str] = "dataset_unpinned"
    name: str
    as_of_seq: Count


class FormatRaised(Record, frozen=True):
    """From the next slot on writers write this slot format."""

    TYPE: ClassVar[str] = "format_raised"
    slot: Count


class LakeAdopted(Record, frozen=True):
    """The lake goes on from a restored copy whose head had been this."""

    TYPE: ClassVar[str] = "lake_adopted"
    previous_seq: Count
    previous_sha256: str
    note: str


Data = (
    ObjectStored
    | ObjectForgotten
    | DatasetRegistered
    | DatasetAppended
    | DatasetDropped
    | DatasetRestored
    | ObjectsMarked
    | ObjectsCollected
    | DatasetPinned
    | DatasetUnpinned
    | FormatRaised
    | LakeAdopted
)
"""Every event type. Whoever dispatches on it ends in `assert_never`, so that the type checker names
each place that does not handle a new member."""
TYPES: tuple[type[Data], ...] = get_args(Data)


class About(Record, frozen=True):
    """An entity that an event is about, and where that entity's previous event lies."""

    entity: str
    prev: Place | None


class Event(Record, frozen=True):
    """One fact. Fields stand in the order in which they are written."""

    seq: Count
    type: str
    v: Count
    command: str
    key: str | None
    request: str | None
    actor: str
    reason: str | None
    correlation: str | None
    about: tuple[About, ...]
    data: Data


class UnknownEvent(Exception):
    """A type or version that this code does not know: written by a newer one."""


class Envelope(Record, frozen=True):
    """An event as it stands in a slot, its data not yet read."""

    seq: Count
    type: str
    v: Count
    command: str
    key: str | None
    request: str | None
    actor: str
    reason: str | None
    correlation: str | None
    about: tuple[About, ...]
    data: msgspec.Raw


_ENCODER = msgspec.json.Encoder()
_ENVELOPES = msgspec.json.Decoder(Envelope)
_DATA = {data.TYPE: msgspec.json.Decoder(data) for data in TYPES}


def encode_event(event: Event) -> bytes:
    """One line of a slot, without its LF."""
    return _ENCODER.encode(event)


def decode_event(line: bytes) -> Event:
    """Read one line. Raises UnknownEvent for a newer one, msgspec.DecodeError for damage."""
    return open_envelope(decode_envelope(line))


def decode_envelope(line: bytes) -> Envelope:
    """Read one line but for its data. Raises msgspec.DecodeError for damage."""
    return _ENVELOPES.decode(line)


def open_envelope(envelope: Envelope) -> Event:
    """Read an event's data. Raises as decode_event does."""
    decoder = _DATA.get(envelope.type)
    if decoder is None or envelope.v not in (VERSION, BLOCKS_VERSION):
        raise _unknown(envelope)
    data: Data = decoder.decode(envelope.data)
    if envelope.v > version_of(data):
        raise _unknown(envelope)
    if envelope.v < version_of(data):
        raise msgspec.ValidationError(f"event {envelope.seq} of version 1 has block hashes")
    return Event(
        envelope.seq,
        envelope.type,
        envelope.v,
        envelope.command,
        envelope.key,
        envelope.request,
        envelope.actor,
        envelope.reason,
        envelope.correlation,
        envelope.about,
        data,
    )


def _unknown(envelope: Envelope) -> UnknownEvent:
    return UnknownEvent(f"event {envelope.seq} is a {envelope.type!r} of version {envelope.v}")


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
