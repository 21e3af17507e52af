"""The closed union of event types: facts, in the past tense, with stable tags.

Owns the members of events; `event_lines` writes and reads them. Must never refer to a class path, a clock
or a bucket. FORMAT.md, "Events", is the specification.
"""

from typing import ClassVar, get_args

from journal.access_events import AccessChange
from journal.definition_events import (
    Alias,
    ProfileDropped,
    ProfilePut,
    SafeView,
    SourceChange,
    ViewDropped,
    ViewPut,
)
from journal.event_records import (
    COMPACT,
    DELETE,
    MERGE,
    OVERWRITE,
    REWRITE_KINDS,
    UPDATE,
    Column,
    Count,
    Derivation,
    Erased,
    Lineage,
    Object,
    Place,
    Read,
    Record,
    Renamed,
    Replacement,
    Rounded,
    RowRange,
    RowStatement,
    Source,
    SourceFile,
)
from journal.store_events import StoreChange

__all__ = [
    "COMPACT",
    "DELETE",
    "MERGE",
    "OVERWRITE",
    "REWRITE_KINDS",
    "UPDATE",
    "Alias",
    "Column",
    "Count",
    "Derivation",
    "Erased",
    "Lineage",
    "Object",
    "Place",
    "ProfileDropped",
    "ProfilePut",
    "Read",
    "Record",
    "Renamed",
    "Replacement",
    "Rounded",
    "RowRange",
    "RowStatement",
    "SafeView",
    "Source",
    "SourceFile",
    "ViewDropped",
    "ViewPut",
]

VERSION = 1
BLOCKS_VERSION = 2
"""The version of an event with block hashes, rounded values, a derivation, a lineage or the file of a
watched source: a reader of version 1 stops at it."""

RETRIES = "retries"
"""The option of an append's source that names a quarantine blob whose rows the source replaces."""


class Content(Record, frozen=True, omit_defaults=True):
    """The content of a dataset, or an addition to it."""

    dataset_id: str
    name: str
    schema_fingerprint: str
    schema: tuple[Column, ...] | None
    objects: tuple[Object, ...]
    row_count: Count | None
    source: Source | None
    renamed: tuple[Renamed, ...]
    quarantine: tuple[Object, ...]
    rounded: tuple[Rounded, ...] = ()
    derivation: Derivation | None = None


class ObjectStored(Record, frozen=True, omit_defaults=True):
    """A key got a first or a new version."""

    TYPE: ClassVar[str] = "object_stored"
    key: str
    blob: str
    size_bytes: Count
    sha256: str
    content_type: str
    block_hashes: str = ""


class ObjectForgotten(Record, frozen=True):
    """A key names no object any more; its versions stay until gc removes them."""

    TYPE: ClassVar[str] = "object_forgotten"
    key: str


class DatasetRegistered(Content, frozen=True):
    """A dataset has exactly this content, new or replaced."""

    TYPE: ClassVar[str] = "dataset_registered"


class DatasetAppended(Content, frozen=True):
    """A dataset got this content in addition; its schema, perhaps widened, covers all of it."""

    TYPE: ClassVar[str] = "dataset_appended"


class DatasetDropped(Record, frozen=True):
    """A dataset was dropped; its name and fingerprint are free."""

    TYPE: ClassVar[str] = "dataset_dropped"
    name: str
    dataset_id: str


class DatasetRestored(Record, frozen=True, omit_defaults=True):
    """A dataset has again the content that it had as of a seq: exactly this.

    `lineage` is of objects that it did not have then: rows of those that gc removed since.
    """

    TYPE: ClassVar[str] = "dataset_restored"
    as_of_seq: Count
    dataset_id: str
    name: str
    schema_fingerprint: str
    schema: tuple[Column, ...] | None
    objects: tuple[Object, ...]
    row_count: Count | None
    source: Source | None
    renamed: tuple[Renamed, ...]
    quarantine: tuple[Object, ...]
    rounded: tuple[Rounded, ...] = ()
    derivation: Derivation | None = None
    lineage: tuple[Lineage, ...] = ()


class DatasetRewritten(Record, frozen=True, omit_defaults=True):
    """Rows of a dataset were removed, changed or moved to other objects; all others are as before.

    `kind` is one of REWRITE_KINDS. `replaced` are the objects that had such rows, `added` the
    objects that follow all others. `row_count` is that of the whole dataset afterwards, and
    `schema` covers all of it. `quarantine` is what `source` added to it. `derivation`: the statement
    whose result are the rows of `added`.
    """

    TYPE: ClassVar[str] = "dataset_rewritten"
    dataset_id: str
    name: str
    kind: str
    schema_fingerprint: str
    schema: tuple[Column, ...] | None
    replaced: tuple[Replacement, ...]
    row_count: Count | None
    added: tuple[Object, ...] = ()
    source: Source | None = None
    renamed: tuple[Renamed, ...] = ()
    quarantine: tuple[Object, ...] = ()
    rounded: tuple[Rounded, ...] = ()
    statement: RowStatement | None = None
    derivation: Derivation | None = None


class ObjectsMarked(Record, frozen=True):
    """These blobs will be deleted: no later event may refer to them. Final."""

    TYPE: ClassVar[str] = "objects_marked"
    run: str
    cutoff_seq: Count
    blobs: tuple[str, ...]


class ObjectsCollected(Record, frozen=True):
    """These marked blobs were deleted."""

    TYPE: ClassVar[str] = "objects_collected"
    run: str
    blobs: tuple[str, ...]


class DatasetPinned(Record, frozen=True):
    """The content of a dataset as of a seq is kept, whatever its age."""

    TYPE: ClassVar[str] = "dataset_pinned"
    name: str
    as_of_seq: Count
    blobs: tuple[str, ...]


class DatasetUnpinned(Record, frozen=True):
    """A pin was removed."""

    TYPE: ClassVar[str] = "dataset_unpinned"
    name: str
    as_of_seq: Count


class DatasetRenamed(Record, frozen=True):
    """A dataset was renamed; `dataset_id` belongs to the new name. Its pins follow."""

    TYPE: ClassVar[str] = "dataset_renamed"
    name: str
    to: str
    dataset_id: str


class DatasetsSwapped(Record, frozen=True):
    """Two datasets exchanged their contents. Their pins follow the contents."""

    TYPE: ClassVar[str] = "datasets_swapped"
    a: str
    b: str


class FormatRaised(Record, frozen=True):
    """Writers use this slot format from the next slot."""

    TYPE: ClassVar[str] = "format_raised"
    slot: Count


class LakeAdopted(Record, frozen=True):
    """The lake continues from a restored copy whose head was this."""

    TYPE: ClassVar[str] = "lake_adopted"
    previous_seq: Count
    previous_sha256: str
    note: str


class RowsErased(Record, frozen=True):
    """Rows left every version of a dataset that is kept: these blobs were replaced at every moment.

    The replaced blobs are marked. `names` are the datasets that held one of them, and the dataset
    that was named. `where_hash`: HMAC-SHA-256 of the condition with the lake's key. `moments`: how
    many versions held such rows.
    """

    TYPE: ClassVar[str] = "rows_erased"
    names: tuple[str, ...]
    replaced: tuple[Erased, ...]
    where_hash: str
    moments: Count
    rows: Count


Change = (
    ObjectStored
    | ObjectForgotten
    | DatasetRegistered
    | DatasetAppended
    | DatasetDropped
    | DatasetRestored
    | ObjectsMarked
    | ObjectsCollected
    | DatasetPinned
    | DatasetUnpinned
    | DatasetRenamed
    | DatasetsSwapped
    | ViewPut
    | ViewDropped
    | ProfilePut
    | ProfileDropped
    | AccessChange
    | SourceChange
    | FormatRaised
    | LakeAdopted
    | DatasetRewritten
    | RowsErased
    | StoreChange
)
"""Every change: an event of its own, or a part of a change set. Code that dispatches on it ends in
`assert_never`, so that the type checker names each place that does not handle a new member."""


class TypedChange(Record, frozen=True):
    """A change of a change set: its type and its data."""

    type: str
    data: Change


class ChangeSetCommitted(Record, frozen=True):
    """All of these happened at once, each on the result of the ones before it. At least one."""

    TYPE: ClassVar[str] = "change_set_committed"
    changes: tuple[TypedChange, ...]


Data = Change | ChangeSetCommitted
"""The data of every event type. Folds and rules read `changes_of`, never a change set."""
CHANGE_TYPES: tuple[type[Change], ...] = get_args(Change)
TYPES: tuple[type[Data], ...] = get_args(Data)


class About(Record, frozen=True):
    """An entity that an event is about, and the place of that entity's previous event."""

    entity: str
    prev: Place | None


class Event(Record, frozen=True, omit_defaults=True):
    """One event. The fields are in the order in which they are written.

    `on_behalf_of`: for whom the actor, a principal, says that it acts; it is not verified.
    """

    seq: Count
    type: str
    v: Count
    command: str
    key: str | None
    request: str | None
    actor: str
    reason: str | None
    correlation: str | None
    about: tuple[About, ...]
    data: Data
    on_behalf_of: str | None = None
