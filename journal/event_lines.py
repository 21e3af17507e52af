"""One line of a slot as an event, and back. FORMAT.md, "Events", is the specification. Pure.

Must never refer to a class path, a clock or a bucket.
"""

from typing import Annotated

import msgspec

from journal.event_parts import version_of
from journal.event_records import Count, Record
from journal.events import (
    BLOCKS_VERSION,
    CHANGE_TYPES,
    VERSION,
    About,
    Change,
    ChangeSetCommitted,
    Data,
    Event,
    TypedChange,
)


class UnknownEvent(Exception):
    """A type or version that this code does not know: a newer version wrote it."""


class Envelope(Record, frozen=True):
    """An event as a slot stores it, its data not decoded."""

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
    on_behalf_of: str | None = None


class _SealedChange(Record, frozen=True):
    """A change of a change set, its data not decoded yet."""

    type: str
    data: msgspec.Raw


class _SealedChangeSet(Record, frozen=True):
    changes: Annotated[tuple[_SealedChange, ...], msgspec.Meta(min_length=1)]


_ENCODER = msgspec.json.Encoder()
_ENVELOPES = msgspec.json.Decoder(Envelope)
_CHANGE_SET = msgspec.json.Decoder(_SealedChangeSet)
_CHANGES = {change.TYPE: msgspec.json.Decoder(change) for change in CHANGE_TYPES}


def encode_event(event: Event) -> bytes:
    """One line of a slot, without its LF."""
    return _ENCODER.encode(event)


def decode_event(line: bytes) -> Event:
    """Read one line. Raises UnknownEvent for a newer one, msgspec.DecodeError for damage."""
    return open_envelope(decode_envelope(line))


def decode_envelope(line: bytes) -> Envelope:
    """Read one line except its data. Raises msgspec.DecodeError for damage."""
    return _ENVELOPES.decode(line)


def open_envelope(envelope: Envelope) -> Event:
    """Read an event's data. Raises as decode_event does."""
    if envelope.v not in (VERSION, BLOCKS_VERSION):
        raise _unknown(envelope)
    data: Data = _data(envelope)
    version = version_of(data)
    if envelope.v > version:
        raise _unknown(envelope)
    if envelope.v < version:
        raise msgspec.ValidationError(
            f"event {envelope.seq} of version 1 has block hashes or rounded values"
        )
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
        envelope.on_behalf_of,
    )


def _data(envelope: Envelope) -> Data:
    if envelope.type != ChangeSetCommitted.TYPE:
        return _change(envelope, envelope.type, envelope.data)
    sealed = _CHANGE_SET.decode(envelope.data).changes
    opened = (TypedChange(each.type, _change(envelope, each.type, each.data)) for each in sealed)
    return ChangeSetCommitted(tuple(opened))


def _change(envelope: Envelope, type_: str, data: msgspec.Raw) -> Change:
    decoder = _CHANGES.get(type_)
    if decoder is None:
        raise _unknown(envelope)
    change: Change = decoder.decode(data)
    return change


def _unknown(envelope: Envelope) -> UnknownEvent:
    return UnknownEvent(f"event {envelope.seq} is a {envelope.type!r} of version {envelope.v}")
