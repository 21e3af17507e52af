"""What is listed below a source: files that may come in, and those that never do. Pure."""

from collections.abc import AsyncIterator
from typing import Protocol

import msgspec


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A file: its key below the source, what identifies its version, and when it was last modified."""

    key: str
    identity: str
    modified_ns: int


class Skipped(msgspec.Struct, frozen=True, gc=False):
    """What matches the pattern and never comes in, with the reason in words."""

    key: str
    detail: str


Piece = list[Entry | Skipped]


class Changed(Exception):
    """The file is not the listed version any more: it changed, or is gone."""


class Place(Protocol):
    """A directory or prefix that can be listed and read. It is never changed."""

    is_whole: bool
    """Whether what is listed is complete; else a file is waited for until it stays the same."""

    def pieces(self) -> AsyncIterator[Piece]:
        """Everything that matches the pattern, piece by piece, each small enough for the event loop.

        Raises RefusedError `source_unavailable`, `invalid_request` for a place that is the lake's own.
        """

    def chunks(self, entry: Entry) -> AsyncIterator[bytes]:
        """The bytes of a listed version, all of them, else an exception.

        Raises Changed; RefusedError `source_unavailable`.
        """
