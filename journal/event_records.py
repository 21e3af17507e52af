"""The parts that events are made of: objects, columns, sources, what a statement read, what became of rows.

Owns their members. Must never refer to an event type. FORMAT.md, "Events", is the specification.
"""

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
"""An integer that every JSON reader keeps: 0 to 2^53-1."""
Place = tuple[Count, Count]
"""(position of the slot, seq of the event)."""

DELETE, UPDATE, MERGE, OVERWRITE, COMPACT = "delete", "update", "merge", "overwrite", "compact"
REWRITE_KINDS = (DELETE, UPDATE, MERGE, OVERWRITE, COMPACT)
REPLACING_ROWS = (MERGE, OVERWRITE)
"""Those in which the rows of a file take the place of some of the dataset's."""
"""Why a dataset was rewritten."""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A part of an event. Unknown fields are damage: a new field needs a new version."""


class Object(Record, frozen=True, omit_defaults=True):
    """One version of one key: `blob` is the physical object that holds its bytes.

    Only the event that first names the blob has `block_hashes`.
    """

    key: str
    blob: str
    size_bytes: Count
    sha256: str
    row_count: Count | None
    block_hashes: str = ""

    def __post_init__(self) -> None:
        """Hold one string where key and blob are equal: ingested data has millions of them."""
        if self.key == self.blob:
            msgspec.structs.force_setattr(self, "key", self.blob)


class Column(Record, frozen=True):
    """A column's name and the name of its Arrow type."""

    name: str
    type: str


class SourceFile(Record, frozen=True):
    """The file of a watched source that was ingested: its key, and what identified its version.

    `identity` is `<ETag>-<size>` of an object, and
    `<time of modification>-<time of change, both in ns>-<size>` of a file in a directory.
    """

    source: str
    key: str
    identity: str


class Source(Record, frozen=True, omit_defaults=True):
    """The file that was ingested, as received, and the options that changed how it was read.

    `file`: where a watched source found it.
    """

    sha256: str
    size_bytes: Count
    options: tuple[tuple[str, str], ...]
    file: SourceFile | None = None


class Renamed(Record, frozen=True):
    """A header cell that could not be a column's name as written; `position` counts from 1."""

    position: Count
    was: str
    name: str


class Rounded(Record, frozen=True):
    """How many values of a column changed when they were read as doubles, as the request asked."""

    name: str
    count: Count


class Read(Record, frozen=True, omit_defaults=True):
    """A relation that a statement read: `seq` is that of its last change at that moment.

    `dataset_id` is null for a view, a system view (`lake.events`) and a profile (`profile:books`).
    `as_of` is the seq of the state, where the relation has a moment of its own. `erased`: seq of the
    last erasure that had changed the dataset, 0 for none.
    """

    name: str
    seq: Count
    dataset_id: str | None
    as_of: Count | None = None
    erased: Count = 0


class Derivation(Record, frozen=True, omit_defaults=True):
    """The statement whose result the rows are, and the exact versions that it read.

    `params` is JSON as text: its integers can exceed those that every reader keeps. `as_of` is the
    seq of the past state that was read; null: the present one.
    """

    sql: str
    params: str | None
    as_of: Count | None
    reads: tuple[Read, ...]
    profile: str | None = None


class Replacement(Record, frozen=True, omit_defaults=True):
    """These objects of a dataset were rewritten: `by` takes the place of the first of `blobs`.

    `blobs` has at least one; `by` has none where no row is left. Of the rows of `blobs`,
    `rows_removed` are not among those of `by`, and `rows_added` of these are new: a changed row
    counts in both. The order of the others is the same. A compaction has `rows`: how many each of
    `blobs` has; the rows of `by` are those, one object's after the other's.
    """

    blobs: tuple[str, ...]
    by: tuple[Object, ...]
    rows_added: Count
    rows_removed: Count
    rows: tuple[Count, ...] = ()


class RowRange(Record, frozen=True):
    """The rows of an object from `start`, counted from 0, up to and without `stop`."""

    blob: str
    start: Count
    stop: Count


class Lineage(Record, frozen=True):
    """The rows of an object are those of these ranges, in order."""

    blob: str
    rows: tuple[RowRange, ...]


class RowStatement(Record, frozen=True, omit_defaults=True):
    """Which rows were changed, and how, as the request asked.

    `set`: (column, expression) of an update. `key`: the columns of a merge's key. `now`: the time
    that now() stood for, where one of the expressions asks for it.
    """

    where: str | None = None
    set: tuple[tuple[str, str], ...] = ()
    key: tuple[str, ...] = ()
    now: str | None = None


class Erased(Record, frozen=True):
    """A blob that held erased rows, and the object without them that takes its place at every moment.

    `by` is null where no row is left, or where the blob was that of a staged file. `rows`: how many
    were removed.
    """

    blob: str
    by: Object | None
    rows: Count
