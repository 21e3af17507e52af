"""The events of views and profiles. Pure."""

from typing import ClassVar

from journal.event_records import Column, Record


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
