"""What a table is made of: files, and the times and ids of versions. Pure."""

import hashlib
import uuid
from datetime import UTC, datetime

import msgspec
import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class File(msgspec.Struct, frozen=True):
    """An object as Iceberg reads it: its URL, rows and bytes."""

    path: str
    row_count: int
    size_bytes: int


class Version(msgspec.Struct, frozen=True):
    """One version of a dataset. `seq`, of the event that made it, is the snapshot's id.

    `files` are all of its files; where it `appends`, those that come after the files of the version
    before.
    """

    seq: int
    timestamp_ms: int
    schema: pa.Schema
    files: tuple[File, ...]
    appends: bool


class AddedFile(msgspec.Struct, frozen=True):
    """A file, and the snapshot that added it to the table."""

    file: File
    added: int


def table_uuid(dataset_id: str, first_seq: int) -> str:
    """The id of one life of a dataset."""
    return str(uuid.uuid5(uuid.UUID(dataset_id), str(first_seq)))


def timestamp_ms(at: str) -> int:
    """A slot's time in milliseconds, rounded up, so that a read as of it includes the event."""
    since = datetime.fromisoformat(at).astimezone(UTC) - _EPOCH
    microseconds = since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds
    return -(-microseconds // 1000)


def object_url(bucket_url: str, blob: str) -> str:
    """The URL of an object, as engines open it."""
    return f"{bucket_url.rstrip('/')}/{blob}"


def digest(body: bytes) -> str:
    """The part of a derived object's key that its bytes decide."""
    return hashlib.sha256(body).hexdigest()[:32]
