"""What may be asked that changes sources, or brings one of their files in. Pure."""

import msgspec


class SourceCommand(msgspec.Struct, frozen=True):
    """A command about the definition of a source."""


class PutSource(SourceCommand, frozen=True):
    """Make or replace a source; `options` are sorted (name, value) pairs of an ingest's query."""

    name: str
    uri: str
    pattern: str
    dataset: str
    mode: str
    options: tuple[tuple[str, str], ...]
    every_s: int


class DropSource(SourceCommand, frozen=True):
    """Stop watching a source."""

    name: str


AnySourceCommand = PutSource | DropSource


class Sighting(msgspec.Struct, frozen=True):
    """What was known when a file was found: nothing may have become of the file or its source since.

    `put_seq`: of the source's definition. `received_seq`: of the event that brought the last version
    of the file, None if none did.
    """

    put_seq: int
    received_seq: int | None
