"""The events of views, profiles and watched sources. Pure."""

from typing import ClassVar

from journal.event_records import Column, Count, Record


class SafeView(Record, frozen=True):
    """A view that shows another relation masked: each column in neither list is null."""

    of: str
    masks: tuple[tuple[str, str], ...]
    rows: str | None
    unmasked: tuple[str, ...]


class ViewPut(Record, frozen=True):
    """A view has exactly this definition, new or replaced: `sql` or `safe`; the other is null.

    `reads` are the names that it reads, in lower case; `columns` are as they were then.
    """

    TYPE: ClassVar[str] = "view_put"
    name: str
    sql: str | None
    safe: SafeView | None
    comment: str | None
    columns: tuple[Column, ...]
    reads: tuple[str, ...]


class ViewDropped(Record, frozen=True):
    """A view was dropped; its name is free."""

    TYPE: ClassVar[str] = "view_dropped"
    name: str


class Alias(Record, frozen=True):
    """What a name stands for in a profile, and as of which time or seq; null: the query's own."""

    alias: str
    to: str
    as_of: str | None


class ProfilePut(Record, frozen=True):
    """A profile has exactly this definition, new or replaced; `others`: `visible` or `hidden`."""

    TYPE: ClassVar[str] = "profile_put"
    name: str
    names: tuple[Alias, ...]
    others: str


class ProfileDropped(Record, frozen=True):
    """A profile was dropped."""

    TYPE: ClassVar[str] = "profile_dropped"
    name: str


class SourceEvent(Record, frozen=True):
    """An event of a watched source. It concerns no dataset, object or view."""


class SourcePut(SourceEvent, frozen=True):
    """A source has exactly this definition, new or replaced.

    `options`: sorted (name, value) pairs, as in the query of an ingest.
    """

    TYPE: ClassVar[str] = "source_put"
    name: str
    uri: str
    pattern: str
    dataset: str
    mode: str
    options: tuple[tuple[str, str], ...]
    every_s: Count


class SourceDropped(SourceEvent, frozen=True):
    """A source is not watched any more. What came in from it stays known under its name."""

    TYPE: ClassVar[str] = "source_dropped"
    name: str


SourceChange = SourcePut | SourceDropped
