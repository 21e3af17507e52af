"""Slots: one atomic batch of events as bytes, and the hash chain that links them. Pure.

Must never read a clock, a bucket or randomness: times and ids are passed in.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec

from journal.block_hashes import record_fault
from journal.bucket.keys import are_blobs, key_fault
from journal.event_lines import Envelope, UnknownEvent, decode_envelope, decode_event, encode_event
from journal.event_parts import block_hashes_of, names_of
from journal.event_records import Count, Record
from journal.events import Event

FORMAT = 1
"""The newest slot format that this code reads and writes; `min_reader` is judged against it."""
BATCH_BYTES = 256 * 1024
BATCH_EVENTS = 1_000
COMMAND_BYTES = 8 * 1024 * 1024

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class Lake(Record, frozen=True):
    """`lake.json`: which lake this is. Written once, before slot 1."""

    lake: str
    format: Count
    created_at: str


class Head(msgspec.Struct, frozen=True, gc=False):
    """The end of a journal: the last slot and the hash that the next one must name.

    Of an empty journal: 0, 0, the hash of `lake.json`, and an empty time.
    """

    position: int
    seq: int
    sha256: str
    at: str


class Header(Record, frozen=True):
    """The first line of a slot. The fields are in the order in which they are written."""

    slot: Count
    min_reader: Count
    lake: str
    position: Count
    prev: Sha256
    commit: str
    writer: str
    at: str
    first_seq: Count
    events: Count


class Slot(msgspec.Struct, frozen=True, gc=False):
    """A decoded slot and the hash of its bytes."""

    header: Header
    events: tuple[Event, ...]
    sha256: str

    @property
    def head(self) -> Head:
        """The journal's head once this slot is its last."""
        return _head(self.header, self.sha256)


class SealedSlot(msgspec.Struct, frozen=True, gc=False):
    """A slot whose events are not decoded: for code that needs few of them, or little of each.

    The links from slot to slot verify its bytes, as those of a decoded slot.
    """

    header: Header
    body: bytes

    @property
    def head(self) -> Head:
        """The journal's head once this slot is its last. Hashes the bytes."""
        return _head(self.header, sha256_hex(self.body))


class JournalCorrupt(Exception):
    """The bytes are not valid: where, what was expected, what was found."""

    def __init__(self, position: int, reason: str, expected: str = "", seen: str = "") -> None:
        detail = f": expected {expected}, seen {seen}" if expected or seen else ""
        super().__init__(f"slot {position}: {reason}{detail}")
        self.position = position
        self.reason = reason
        self.expected = expected
        self.seen = seen


class UpgradeRequired(Exception):
    """Written by a newer version: the slots before it are valid; this code must not write here."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(f"slot {position}: {reason}")
        self.position = position
        self.reason = reason


class _Preamble(msgspec.Struct, frozen=True):
    """The members that the first line of every format has, so that an older reader can stop cleanly."""

    slot: int
    min_reader: int


_ENCODER = msgspec.json.Encoder()
_PREAMBLE = msgspec.json.Decoder(_Preamble)
_HEADER = msgspec.json.Decoder(Header)
_LAKE = msgspec.json.Decoder(Lake)


def sha256_hex(body: bytes) -> str:
    """Lower-case hex SHA-256."""
    return hashlib.sha256(body).hexdigest()


def format_at(at: datetime) -> str:
    """A UTC time as slots write it: always six digits of a second, always `Z`."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_at(at: str) -> datetime:
    """The inverse of format_at. Called for each slot: 0.5 µs, against 32 µs of strptime."""
    return datetime.fromisoformat(at)


def next_at(now: datetime, previous: str) -> str:
    """One time for a slot: now, but at least one microsecond after the previous slot's."""
    if not previous:
        return format_at(now)
    return format_at(max(now, parse_at(previous) + timedelta(microseconds=1)))


def encode_lake(lake: Lake) -> bytes:
    """The bytes of `lake.json`."""
    return _ENCODER.encode(lake) + b"\n"


def decode_lake(body: bytes) -> Lake:
    """Read `lake.json`. Raises JournalCorrupt at position 0, UpgradeRequired."""
    try:
        lake = _LAKE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalCorrupt(0, f"lake.json does not decode: {error}") from error
    if lake.format > FORMAT:
        raise UpgradeRequired(0, f"the lake's format is {lake.format}; this code reads {FORMAT}")
    return lake


def genesis(lake_body: bytes) -> Head:
    """The head of a journal without slots: slot 1 names the hash of `lake.json`."""
    return Head(0, 0, sha256_hex(lake_body), "")


def encode_slot(header: Header, lines: list[bytes]) -> bytes:
    """A slot's bytes from its header and its encoded events; LF after every line."""
    return b"\n".join([_ENCODER.encode(header), *lines, b""])


def encode_events(header: Header, events: tuple[Event, ...]) -> bytes:
    """A slot's bytes from events."""
    return encode_slot(header, [encode_event(event) for event in events])


def decode_slot(body: bytes, position: int) -> Slot:
    """Read the slot found at `position`. Raises JournalCorrupt, UpgradeRequired."""
    sealed = seal_slot(body, position)
    header = sealed.header
    events = tuple(_decode_line(line, position) for line in _lines(sealed))
    for seq, event in enumerate(events, header.first_seq):
        _check_event(event, seq, position)
    _check_names(events, position)
    return Slot(header, events, sha256_hex(body))


def seal_slot(body: bytes, position: int) -> SealedSlot:
    """The slot found at `position`, its events not decoded. Raises as decode_slot does."""
    if not body.endswith(b"\n"):
        raise JournalCorrupt(position, "it does not end in a line feed; it may be cut short")
    header = decode_header(body, position)
    _check_header(header, position)
    _check_text(body, position)
    return SealedSlot(header, body)


def event_in(sealed: SealedSlot, seq: int) -> Event:
    """Event `seq` of a slot, decoded alone. Raises as decode_slot does."""
    position, number = sealed.header.position, seq - sealed.header.first_seq
    if not 0 <= number < sealed.header.events:
        raise JournalCorrupt(position, f"it does not hold event {seq}")
    event = _decode_line(_line(sealed, number, seq), position)
    _check_event(event, seq, position)
    _check_names((event,), position)
    return event


def envelopes(sealed: SealedSlot) -> list[Envelope]:
    """All events of a slot without their data, in order. Raises JournalCorrupt."""
    position = sealed.header.position
    try:
        found = [decode_envelope(line) for line in _lines(sealed)]
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalCorrupt(position, f"an event does not decode: {error}") from error
    for seq, envelope in enumerate(found, sealed.header.first_seq):
        _check_event(envelope, seq, position)
    return found


def decode_header(body: bytes, position: int) -> Header:
    """The header of the slot found at `position`, alone. Raises as decode_slot does."""
    return _decode_header(body.partition(b"\n")[0], position)


def check_link(head: Head, slot: Slot | SealedSlot, lake: str) -> None:
    """Whether `slot` follows `head` in this lake. Raises JournalCorrupt naming what differs."""
    header = slot.header
    expectations = (
        ("its lake", lake, header.lake),
        ("its prev, the hash of the slot before", head.sha256, header.prev),
        ("its position", str(head.position + 1), str(header.position)),
        ("its first seq", str(head.seq + 1), str(header.first_seq)),
    )
    for what, expected, seen in expectations:
        if expected != seen:
            raise JournalCorrupt(head.position + 1, f"{what} differs", expected, seen)
    if header.at <= head.at:
        raise JournalCorrupt(header.position, "time runs backwards", f"after {head.at}", header.at)


def expect_same(known: Head, slot: Slot | SealedSlot) -> None:
    """Raises JournalCorrupt when a known position has other bytes than those that were folded."""
    seen = slot.head.sha256
    if seen != known.sha256:
        raise JournalCorrupt(known.position, "it reads differently", known.sha256, seen)


def _lines(sealed: SealedSlot) -> list[bytes]:
    """The lines of a slot's events, as many as its header says."""
    header, lines = sealed.header, sealed.body[:-1].split(b"\n")[1:]
    if header.events != len(lines):
        raise JournalCorrupt(header.position, "events", str(header.events), str(len(lines)))
    return lines


def _line(sealed: SealedSlot, number: int, seq: int) -> bytes:
    """The line of event `seq`. Searching for it takes a third of splitting all lines."""
    body = sealed.body
    start = body.find(b'\n{"seq":%d,' % seq) + 1
    return body[start : body.find(b"\n", start)] if start else _lines(sealed)[number]


def _decode_header(line: bytes, position: int) -> Header:
    try:
        preamble = _PREAMBLE.decode(line)
        if preamble.slot > FORMAT or preamble.min_reader > FORMAT:
            raise UpgradeRequired(
                position,
                f"a reader of format {preamble.min_reader} is needed; this code reads {FORMAT}",
            )
        return _HEADER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalCorrupt(position, f"its header does not decode: {error}") from error


def _decode_line(line: bytes, position: int) -> Event:
    try:
        return decode_event(line)
    except UnknownEvent as error:
        raise UpgradeRequired(position, str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JournalCorrupt(position, f"an event does not decode: {error}") from error


def _head(header: Header, sha256: str) -> Head:
    return Head(header.position, header.first_seq + header.events - 1, sha256, header.at)


def _check_header(header: Header, position: int) -> None:
    if header.position != position:
        raise JournalCorrupt(position, "its header", str(position), str(header.position))
    if not header.events:
        raise JournalCorrupt(position, "it has no events")
    if not _AT.fullmatch(header.at):
        raise JournalCorrupt(position, "its time is not a time", "RFC 3339 in UTC", header.at)


def _check_text(body: bytes, position: int) -> None:
    """Checks all bytes: a decoder checks only the strings that it decodes."""
    try:
        if not body.isascii():
            body.decode()
    except UnicodeDecodeError as error:
        raise JournalCorrupt(position, f"it is not UTF-8: {error}") from error


def _check_event(event: Event | Envelope, seq: int, position: int) -> None:
    if event.seq != seq:
        raise JournalCorrupt(position, "an event's seq", str(seq), str(event.seq))
    if (event.key is None) != (event.request is None):
        raise JournalCorrupt(position, f"event {seq} has one of key and request, not both")


def _check_names(events: tuple[Event, ...], position: int) -> None:
    """Keys from a slot are checked like keys from users."""
    blobs: list[str] = []
    for event in events:
        keys, named = names_of(event.data)
        blobs += named
        for size_bytes, block_hashes in block_hashes_of(event.data):
            if block_hashes and (fault := record_fault(size_bytes, block_hashes)):
                raise JournalCorrupt(position, f"event {event.seq}: {fault}")
        for key in keys:
            if fault := key_fault(key):
                raise JournalCorrupt(position, f"event {event.seq}: {fault}")
    if not are_blobs(blobs):
        wrong = next(blob for blob in blobs if not are_blobs((blob,)))
        raise JournalCorrupt(position, f"{wrong!r} is not a blob's key that a lake mints")
