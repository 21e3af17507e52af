"""When and where an event stands in the journal."""

import msgspec


class Moment(msgspec.Struct, frozen=True, gc=False):
    """An event's slot, its number, and its slot's one time (RFC 3339, UTC, microseconds)."""

    position: int
    seq: int
    at: str
