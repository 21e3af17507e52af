"""The journal for people: the newest events first. Parameters and answers. Pure."""

import msgspec

from lakehouse.api.fields import Seq, Time


class LatestEventsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the journal: the events before one, of one type or about one dataset."""

    before: int | None = None
    """Events with a lower number; None: from the last one on."""
    span: int
    """How many numbers to go back, unless for a dataset; with a type again, until there are enough."""
    most: int = 50
    """With a type: how many events to find. For a dataset: how many of its events to look at."""
    type: str | None = None
    dataset: str | None = None
    as_of: str | None = None


class EventGlance(msgspec.Struct, frozen=True):
    """One event without its data."""

    seq: Seq
    at: Time
    type: str
    actor: str
    reason: str | None
    about: list[str]
    """What it is about: `dataset:<name in lower case>`, `object:<key>` and the like."""


class SlotDamage(msgspec.Struct, frozen=True):
    """A slot that cannot be read, or has other bytes than it had."""

    slot: int
    key: str
    """Its key in the bucket."""
    reason: str
    sha256: str | None
    """Of the right bytes, where that is known."""
    first: int
    last: int
    """Its events are among these numbers; other damaged slots beside it may hold some of them."""


class LatestEvents(msgspec.Struct, frozen=True):
    """Events, newest first, among the numbers from `first` to `last`."""

    events: list[EventGlance]
    first: int
    last: int
    damage: list[SlotDamage] = []
    """The damaged slots among them, newest first."""
