"""What may be asked of the lakehouse that changes it: one frozen value per change. Pure."""

import msgspec

from journal.events import (
    Alias,
    Column,
    Data,
    Derivation,
    Erased,
    Lineage,
    Object,
    Renamed,
    Replacement,
    Rounded,
    RowStatement,
    SafeView,
    Source,
)
from lakehouse.domain.access.commands import AnyAccessCommand
from lakehouse.domain.rows.commands import CompactDataset
from lakehouse.domain.sources.commands import AnySourceCommand, Sighting
from lakehouse.domain.stores.commands import AnyStoreCommand
from projections.catalog import Dataset, Ingested


class StoreObject(msgspec.Struct, frozen=True):
    """Give `key` these bytes. `blob` is where they are already, None while they are not uploaded."""

    key: str
    size_bytes: int
    sha256: str
    content_type: str
    blob: str | None
    only_if_absent: bool = False
    block_hashes: str = ""


class ForgetObject(msgspec.Struct, frozen=True):
    """Remove `key`; its versions stay readable as of earlier moments."""

    key: str


class RegisterDataset(msgspec.Struct, frozen=True):
    """Make a dataset over the current versions of keys."""

    name: str
    schema_fingerprint: str
    keys: tuple[str, ...]
    row_count: int | None


class IngestDataset(msgspec.Struct, frozen=True):
    """Make or extend a dataset by the rows of a file, or of the result of a statement.

    `table` is what reading the file gave, None while it has not been read: enough to learn
    whether it must be. `read_under` is the fingerprint of the dataset whose types the file was
    read with, None where there was none; the catalog may have moved since.
    """

    name: str
    mode: str
    source: Source | None
    table: "Table | None"
    read_under: str | None
    schema_change: str | None = None
    """`replace` takes the file's schema, `widen` adds columns and wider types; None keeps it."""
    dedupe: bool = False
    retries: tuple[str, ...] = ()
    """Keys of the dataset's quarantine whose rows the file contains, corrected."""
    earlier: tuple[Ingested, ...] = ()
    """What a restored dataset's unnamed source stands for, if its event was `earlier_at`."""
    earlier_at: int | None = None
    read_at: int | None = None
    """The seq of the dataset's last event when its values were checked for widening."""
    derivation: Derivation | None = None
    """The statement whose result the rows are, once it was run; then there is no source."""
    statement: RowStatement | None = None
    """With the modes `merge` (`key`) and `overwrite` (`where`): the rows that the file's replace."""
    rewritten: "Rewritten | None" = None
    """The objects without these rows, once they were found."""
    first_line: int = 0
    """The first line of a group of a stream; 0 for what is none."""
    sighting: Sighting | None = None
    """Of the file of a watched source: what was known when it was found."""


class RefreshDataset(msgspec.Struct, frozen=True):
    """Run the derivation of a dataset again on what is there now, if what it reads has changed.

    `ingest` is its result, None while the statement was not run; `read_at` is the seq of the
    dataset's last event when it was.
    """

    name: str
    schema_change: str | None = None
    ingest: IngestDataset | None = None
    read_at: int | None = None


class Table(msgspec.Struct, frozen=True):
    """A file, read: its schema, and the objects that hold its rows."""

    schema: tuple[Column, ...]
    schema_fingerprint: str
    objects: tuple[Object, ...]
    row_count: int
    renamed: tuple[Renamed, ...]
    uploaded: bool
    """Whether the objects are in the bucket; nothing may refer to them before they are."""
    quarantine: tuple[Object, ...] = ()
    """What holds the records that were set aside, if any were."""
    rounded: tuple[Rounded, ...] = ()
    lines: tuple[tuple[str, int], ...] = ()
    """(column, line) of the file's first value that is not of the dataset's type for the column."""


class RewriteDataset(msgspec.Struct, frozen=True):
    """Change single rows of a dataset; `kind` is one of REWRITE_KINDS.

    `rewritten` is None while the rows have not been found.
    """

    name: str
    kind: str
    statement: RowStatement | None
    rewritten: "Rewritten | None" = None


class Rewritten(msgspec.Struct, frozen=True):
    """The rows that were found, and their rewritten objects; none of an absent dataset.

    The search read the objects `examined` of the dataset as it was after event `read_at`,
    as columns of the schema with the fingerprint `read_under`: the dataset's, or the one that an
    ingest gives it.
    """

    read_at: int
    read_under: str
    examined: frozenset[str]
    replaced: tuple[Replacement, ...]
    uploaded: bool
    """Whether the new objects are in the bucket; nothing may refer to them before they are."""

    @property
    def rows_removed(self) -> int:
        """How many rows were removed or changed."""
        return sum(each.rows_removed for each in self.replaced)


class DropDataset(msgspec.Struct, frozen=True):
    """Drop a dataset; its versions stay readable as of earlier moments."""

    name: str


class RenameDataset(msgspec.Struct, frozen=True):
    """Give a dataset another name, or its name another spelling."""

    name: str
    to: str


class SwapDatasets(msgspec.Struct, frozen=True):
    """Exchange the names of two datasets."""

    a: str
    b: str


class RestoreDataset(msgspec.Struct, frozen=True):
    """Make a dataset again what it `was` as of event `as_of_seq`."""

    as_of_seq: int
    was: Dataset
    lineage: tuple[Lineage, ...] = ()
    """Which rows of its objects as of then the others of `was` hold."""


class PinDataset(msgspec.Struct, frozen=True):
    """Keep what a dataset `was` as of event `as_of_seq`, however old it grows."""

    as_of_seq: int
    was: Dataset


class UnpinDataset(msgspec.Struct, frozen=True):
    """End a pin."""

    name: str
    as_of_seq: int


class MarkObjects(msgspec.Struct, frozen=True):
    """Mark blobs that nothing has needed since event `cutoff_seq`: no later event may refer to them."""

    run: str
    cutoff_seq: int
    blobs: tuple[str, ...]


class RecordCollected(msgspec.Struct, frozen=True):
    """These marked blobs were answered deleted, or absent."""

    run: str
    blobs: tuple[str, ...]


class PutView(msgspec.Struct, frozen=True):
    """Make or replace a view; `sql` or `safe`. `columns` and `reads` were found by binding it."""

    name: str
    sql: str | None
    safe: SafeView | None
    comment: str | None
    columns: tuple[Column, ...]
    reads: tuple[str, ...]


class DropView(msgspec.Struct, frozen=True):
    """Drop a view."""

    name: str


class PutProfile(msgspec.Struct, frozen=True):
    """Make or replace a profile."""

    name: str
    names: tuple[Alias, ...]
    others: str


class DropProfile(msgspec.Struct, frozen=True):
    """Drop a profile."""

    name: str


class CommitStaged(msgspec.Struct, frozen=True):
    """Make the change that a staged file was uploaded for. `ingest` is None where the id is unknown."""

    staged: str
    ingest: IngestDataset | None


class CommitChangeSet(msgspec.Struct, frozen=True):
    """Make all of these changes at once, in order, or none.

    `expect` is judged first: (name, seq of the last event of it that the caller knows of; None where
    the name is absent).
    """

    changes: tuple["Command", ...]
    expect: tuple[tuple[str, int | None], ...] = ()


class LastChange(msgspec.Struct, frozen=True):
    """In the history of an absent name: `last_seq` of any event, `seq` of one of rows or schema."""

    entity: str
    last_seq: int
    seq: int


class UndoChange(msgspec.Struct, frozen=True):
    """Do the inverse of event `seq`, which `did` this, unless a later change is in the way.

    `last_changes` are for names that are absent; none while they were not needed.
    """

    seq: int
    did: Data
    inverse: "Command"
    last_changes: tuple[LastChange, ...] = ()
    rebuilt: bool = False
    """Whether the objects that compaction wrote were searched for those that gc has removed."""


class AdoptLake(msgspec.Struct, frozen=True):
    """Continue from a restored copy whose head was at this seq, with this hash."""

    previous_seq: int
    previous_sha256: str
    note: str


class EraseRows(msgspec.Struct, frozen=True):
    """Replace blobs by these objects at every moment, and remove the blobs `staged`.

    `staged` are blobs that no event names and that have no successors, such as staged files.
    """

    name: str
    replaced: tuple[Erased, ...]
    staged: tuple[Erased, ...]
    where_hash: str
    moments: int


class RaiseFormat(msgspec.Struct, frozen=True):
    """Write slots of this format from here on."""

    slot: int


Command = (
    StoreObject
    | ForgetObject
    | RegisterDataset
    | IngestDataset
    | RefreshDataset
    | RewriteDataset
    | CompactDataset
    | DropDataset
    | RenameDataset
    | SwapDatasets
    | RestoreDataset
    | PutView
    | DropView
    | PutProfile
    | DropProfile
    | CommitStaged
    | CommitChangeSet
    | UndoChange
    | PinDataset
    | UnpinDataset
    | MarkObjects
    | RecordCollected
    | AdoptLake
    | RaiseFormat
    | (AnyAccessCommand | AnyStoreCommand | AnySourceCommand | EraseRows)
)


class Context(msgspec.Struct, frozen=True):
    """Who asks, why, and under which ids; `key` and `request` (idempotency) both or neither."""

    actor: str
    command: str
    """UUIDv7 of this one asking."""
    correlation: str | None = None
    reason: str | None = None
    key: str | None = None
    request: str | None = None
    on_behalf_of: str | None = None
    """The person or program on whose behalf the actor says that it acts; not verified."""
