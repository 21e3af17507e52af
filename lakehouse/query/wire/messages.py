"""The messages between the engine and its worker processes. Pure.

Results are sent as bytes of the finished document. Never sends data that can run code (pickle).
"""

import msgspec

from projections.view_sql.datasets import View


class Column(msgspec.Struct, frozen=True):
    """A column of a result; `type` is DuckDB's name."""

    name: str
    type: str


class Configure(msgspec.Struct, frozen=True, tag=True):
    """The first message to a worker: all of its configuration."""

    data_prefixes: tuple[str, ...]
    temp_directory: str
    temp_limit_bytes: int
    memory_limit_bytes: int
    address_space_bytes: int
    threads: int
    growth_bytes: int
    object_directories: tuple[str, ...] = ()
    """The directories of files with verified blocks."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The worker is confined and ready; `confinement` names what the kernel enforces."""

    confinement: tuple[str, ...] = ()


class RowSearch(msgspec.Struct, frozen=True):
    """Which rows of a dataset to find, and what to compute from each of them.

    `where` and the expressions of `set` are a user's; `now` is the time that now() stands for in
    them, RFC 3339 in UTC.
    """

    where: str
    now: str
    set: tuple[tuple[str, str], ...] = ()
    changed: bool = False
    """Instead of positions, answer all rows in order, those that match with their new values."""
    values: bool = False
    """Instead of positions, answer the new values of the rows that match, in the rows' order."""
    key: tuple[str, ...] = ()
    """Instead of `where`: the rows that have in these columns the values of a row of the view KEYS."""
    outside: int = 0
    """If not 0: answer up to this many of the first rows that do not fulfil `where`."""


KEYS = "\x01keys"
"""The view with the keys of a search: a name that no dataset has."""


class Ask(msgspec.Struct, frozen=True, tag=True):
    """Run this. `params_json` is JSON, since MessagePack's integers end at 64 bits.

    `define`: only bind the view of this name, which `likely` has, and answer its columns; no `sql`.

    `likely` are views that it probably names: a statement that names no others needs not ask.
    """

    number: int
    sql: str
    params_json: bytes | None = None
    format: str = "json"
    likely: dict[str, View] = {}
    define: str | None = None
    rows: RowSearch | None = None
    """Find rows in the one view of `likely` that is `positioned`; no `sql`."""
    restricted: bool = False
    """Whether the caller is not allowed to see what is below a view."""


class Need(msgspec.Struct, frozen=True, tag=True):
    """The statement may run once these relations are known, by the names of `relations.py`;
    `listing`: it lists all datasets."""

    names: frozenset[str]
    listing: bool


class Views(msgspec.Struct, frozen=True, tag=True):
    """The answer to Need. A name without a view does not exist. Of `listed`, names and columns count."""

    number: int
    named: dict[str, View]
    listed: tuple[View, ...] = ()


class Reads(msgspec.Struct, frozen=True):
    """What a statement's result depends on besides its parameters: relations by the names of
    `relations.py`, whether it lists all datasets, and whether it is deterministic.

    `has_source`: whether it has a FROM, or a query inside it."""

    names: frozenset[str]
    listing: bool
    deterministic: bool
    has_source: bool = True


class Started(msgspec.Struct, frozen=True, tag=True):
    """The statement runs; its first rows follow."""

    columns: tuple[Column, ...]
    reads: Reads


class Whole(msgspec.Struct, frozen=True, tag=True):
    """Started, the only Chunk and Done in one: a small result costs one message."""

    columns: tuple[Column, ...]
    reads: Reads
    body: bytes
    row_count: int
    spent: bool = False


class Chunk(msgspec.Struct, frozen=True, tag=True):
    """The next bytes of the document."""

    data: bytes


class SharedChunk(msgspec.Struct, frozen=True, tag=True):
    """The next bytes of the document are in a slot of the shared memory. The server answers Taken."""

    slot: int
    size_bytes: int


class Taken(msgspec.Struct, frozen=True, tag=True):
    """The server has read this slot: it may be filled again."""

    slot: int


class Done(msgspec.Struct, frozen=True, tag=True):
    """The document is complete. `spent`: this worker keeps so much memory that it should be replaced."""

    row_count: int
    spent: bool = False


class QueryFailed(msgspec.Struct, frozen=True, tag=True):
    """The statement was refused or failed. `broken`: this worker must not be used again."""

    code: str
    detail: str
    broken: bool = False


class Interrupt(msgspec.Struct, frozen=True, tag=True):
    """Stop the query of this number if it waits for views; ignored otherwise."""

    number: int


ToWorker = Configure | Ask | Views | Taken | Interrupt
FromWorker = Ready | Need | Started | Whole | Chunk | SharedChunk | Done | QueryFailed
