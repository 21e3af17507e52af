"""The bounds of streams. Pure."""

import msgspec

MIB = 1 << 20


class StreamLimits(msgspec.Struct, frozen=True):
    """Bounds of the streams of one process; times in seconds, sizes in bytes."""

    streams: int = 500
    """How many may be open at once."""
    group_s: float = 1.0
    """A group is committed when its oldest row has waited so long,"""
    group_bytes: int = MIB
    """or when it has so many bytes."""
    idle_s: float = 600.0
    """A stream that brings no byte for so long ends."""
    line_bytes: int = 4 * MIB
    """The longest line."""
    held_bytes: int = 64 * MIB
    """What all streams hold together of lines that are not committed."""
