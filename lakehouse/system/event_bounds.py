"""Which events of `lake.events` a statement can see, as bounds on them. Pure.

Must never hold events, or decide what the bounds of a statement are.
"""

import msgspec

ALL_SEQS = range(2**53)
ALL_TIMES = range(2**62)


class EventBounds(msgspec.Struct, frozen=True):
    """Bounds on the events that a statement can see: events outside are not needed, but may be there.

    `times` are microseconds since 1970 in UTC; `dataset` is a name, in any spelling, or None for all.
    """

    seqs: range = ALL_SEQS
    times: range = ALL_TIMES
    dataset: str | None = None


ALL_EVENTS = EventBounds()
