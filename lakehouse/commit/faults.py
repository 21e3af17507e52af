"""Faults of the journal and the bucket as refusals.

Owns the code of each exception. An exception without a code is a bug and is raised.
"""

from journal.bucket.errors import (
    BucketBroken,
    BucketError,
    BucketFull,
    BucketMissing,
    BucketRefused,
    BucketUnavailable,
    ObjectExists,
    ObjectMissing,
    StoreUnavailable,
)
from journal.log import StoreBroken
from journal.slot import JournalCorrupt, UpgradeRequired
from lakehouse.domain.errors import Refused

KNOWN = (BucketError, StoreBroken, JournalCorrupt, UpgradeRequired)
"""The exceptions that `refusal` understands; all others are bugs."""
HALTING = (BucketBroken, StoreBroken, JournalCorrupt, UpgradeRequired)
"""After one of these a node stops writing; it still answers reads from its last good state."""

_CODES: dict[type[Exception], str] = {
    ObjectMissing: "object_lost",
    ObjectExists: "bucket_broken",
    BucketUnavailable: "bucket_unavailable",
    StoreUnavailable: "store_unavailable",
    BucketRefused: "bucket_refused",
    BucketMissing: "bucket_not_found",
    BucketFull: "insufficient_storage",
    BucketBroken: "bucket_broken",
    StoreBroken: "bucket_broken",
    JournalCorrupt: "journal_corrupt",
    UpgradeRequired: "upgrade_required",
}


def refusal(error: Exception) -> Refused:
    """The refusal that a known fault amounts to. Raises KeyError for an unknown one: a bug."""
    return Refused(_CODES[type(error)], str(error))
