"""The shapes of answers, for the OpenAPI document. Every answer's members are exactly these.

The bodies themselves are made by `lakehouse.api.receipts` and the services; a test holds them to this.
"""

from lakehouse.web.shapes.catalog import (
    DatasetPage,
    Dropped,
    ListedDataset,
    Manifest,
    ManifestObject,
    SchemaColumn,
    Summary,
)
from lakehouse.web.shapes.ingest import (
    BadRow,
    IngestReceipt,
    QuarantineObject,
    ReceivedFile,
    Refusal,
    Rehearsal,
    RenamedColumn,
)
from lakehouse.web.shapes.journal import (
    EventPage,
    Health,
    JournalEvent,
    JournalHead,
    Mention,
    Ready,
)
from lakehouse.web.shapes.past import (
    CatalogDiff,
    CollectionReport,
    DatasetChange,
    FoundObject,
    ListedPin,
    ObjectChanges,
    PinReceipt,
    Pins,
    Span,
    Undone,
)
from lakehouse.web.shapes.shape import Problem, Shape
from lakehouse.web.shapes.sql import (
    CalledOff,
    ResultColumn,
    RunningQueries,
    RunningQuery,
    SqlResult,
)
from lakehouse.web.shapes.storage import ListedObject, ObjectPage, StoredObject

__all__ = [
    "BadRow",
    "CalledOff",
    "CatalogDiff",
    "CollectionReport",
    "DatasetChange",
    "DatasetPage",
    "Dropped",
    "EventPage",
    "FoundObject",
    "Health",
    "IngestReceipt",
    "JournalEvent",
    "JournalHead",
    "ListedDataset",
    "ListedObject",
    "ListedPin",
    "Manifest",
    "ManifestObject",
    "Mention",
    "ObjectChanges",
    "ObjectPage",
    "PinReceipt",
    "Pins",
    "Problem",
    "QuarantineObject",
    "Ready",
    "ReceivedFile",
    "Refusal",
    "Rehearsal",
    "RenamedColumn",
    "ResultColumn",
    "RunningQueries",
    "RunningQuery",
    "SchemaColumn",
    "Shape",
    "Span",
    "SqlResult",
    "StoredObject",
    "Summary",
    "Undone",
]
