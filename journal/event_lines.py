"""One line of a slot as an event, and back. FORMAT.md, "Events", is the specification. Pure.

Must never refer to a class path, a clock or a bucket.
"""

import msgspec

from journal.event_parts import version_of
from journal.events import BLOCKS_VERSION, TYPES, VERSION, About, Count, Data, Event, Record


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
