"""The port to a bucket: few methods, each with its guarantees.

No method overwrites anything: every key is written once. Only blobs and audit batches can be deleted,
because no slot may ever be deleted (create-if-absent forgets a deleted key, and a stalled writer could
win it again).
"""

import enum
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec


class Answer(enum.Enum):
    """A store's answer to one create-if-absent. FORMAT.md, "Committing slot N", defines what each means."""

    CREATED = "created"
    """200: the object is ours, durable, and visible to every reader."""
    EXISTS = "exists"
    """412: the key exists; a read shows whose object it is."""
    CONFLICT = "conflict"
    """409: a race inside the store; proof of nothing."""
    UNKNOWN = "unknown"
    """Time-out, reset, 429 or 5xx: landed, or lands later, or never."""
    REFUSED = "refused"
    """400, 403, 501, no space: this attempt was certainly not stored."""


class Created(msgspec.Struct, frozen=True):
    """The outcome of one create attempt; `detail` is for people, without credentials."""

    answer: Answer
    detail: str = ""


class Stat(msgspec.Struct, frozen=True):
    """An object in a listing; `modified_at` is by the store's own clock, in UTC."""

    key: str
    size_bytes: int
    modified_at: datetime


class LocalFile(msgspec.Struct, frozen=True):
    """The file that holds an object of a local bucket. `open` follows no symlink below the bucket;
    it blocks, and raises as a read does. The caller closes the descriptor."""

    path: Path
    open: Callable[[], int]


class Bucket(Protocol):
    """One S3 bucket with an optional prefix, one local directory, or memory.

    Keys are relative to the prefix or directory. All methods may be called concurrently from one
    event loop; adapters never block it. Besides the errors named, all raise BucketUnavailable
    (after bounded retries) and BucketRefused.
    """

    @property
    def url(self) -> str:
        """The bucket's URL, without credentials: `s3://name[/prefix]`, `file:///dir`, `memory://`."""
        ...

    async def create(self, key: str, body: bytes) -> Created:
        """Store `body` under `key` if the key is absent: one attempt, one PUT, never retried.

        Atomic against every other writer: of N concurrent creates at most one is CREATED, and a
        CREATED object is whole, durable and visible to any later read or list. Never raises for
        what the store said or failed to say; that is the answer.
        """
        ...

    async def upload(self, key: str, source: Path | bytes) -> None:
        """Store a file, or a small object's bytes, under a new key: retried, whole or absent.

        Durable when it returns. A file is streamed: memory stays bounded whatever its size. It is
        left in place and must not be written to afterwards (a local bucket may link it). An
        earlier attempt of the same bytes counts as success.

        Raises ObjectExists when another object has the key; BucketFull.
        """
        ...

    async def read(self, key: str) -> bytes:
        """The whole object, for small ones (slots). Read-after-write: sees every create answered before.

        Raises ObjectMissing.
        """
        ...

    def stream(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The object's bytes from `start`, `length` of them (None: to the end), in chunks of at most 1 MiB.

        Raises ObjectMissing before the first chunk; BucketUnavailable also midway, and then the
        bytes so far are incomplete.
        """
        ...

    async def stat(self, key: str) -> Stat:
        """Size and time of one object. Raises ObjectMissing."""
        ...

    async def list_objects(self, prefix: str, after: str = "", limit: int = 1000) -> list[Stat]:
        """Up to `limit` objects (at most 1,000) whose keys start with `prefix` and sort after `after`.

        In UTF-8 byte order of the keys; sees every create answered before. Fewer than `limit`
        means the end.
        """
        ...

    async def delete_blobs(self, keys: Sequence[str]) -> list[str]:
        """Delete up to 1,000 blobs or audit batches by exact key; those that the store answered deleted,
        or absent.

        A key that is missing in the answer may or may not exist: repeat the call. ValueError for a key
        of another form, and nothing is sent then.
        """
        ...

    async def abort_uploads(self, lake: str, begun_before: datetime) -> list[str]:
        """Abort uploads of this lake's blobs that were never finished; the keys they were for.

        `lake`: as in a blob's tag. Only a store with multipart uploads has any.
        """
        ...

    async def is_shared(self) -> bool:
        """Whether another process may have this bucket open. True where that is unknown."""
        ...

    async def now(self) -> datetime:
        """The store's own clock, in UTC, read now (S3: the Date header of an answer)."""
        ...

    def local_file(self, key: str) -> LocalFile | None:
        """The file that holds the object; None in a store without files. Sends no request."""
        ...

    @property
    def spool_dir(self) -> Path | None:
        """A directory from which `upload` need not copy (same filesystem); None where there is none.

        Files there are temporary: the adapter removes old ones, and never lists them. Its own are in
        a directory for each process, as journal.process_directory makes it.
        """
        ...

    async def close(self) -> None:
        """Release connections and threads. Idempotent."""
        ...
