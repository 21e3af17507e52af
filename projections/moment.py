"""The place and time of an event in the journal."""

import msgspec


class Moment(msgspec.Struct, frozen=True, gc=False):
    """An event's slot, its number, and its slot's one time (RFC 3339, UTC, microseconds)."""

    position: int
    seq: int
    at: str
