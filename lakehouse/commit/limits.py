"""The bounds of a writer, and what it counts. Pure."""

import msgspec


class CommitLimits(msgspec.Struct, frozen=True):
    """Bounds of the writer; times in seconds."""

    queue: int = 4_096
    deadline_s: float = 30.0
    stamp_valid_s: float = 60.0
    command_valid_s: float = 3_600.0
    idle_s: float = 30.0
    clock_check_s: float = 60.0
    clock_skew_s: float = 60.0


class Counts(msgspec.Struct):
    """Counters since the writer started."""

    slots: int = 0
    events: int = 0
    races_lost: int = 0
