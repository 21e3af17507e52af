"""Keys of storage as folders, for people: parameters and answers. Pure."""

import msgspec

from lakehouse.api.fields import Count, Seq, SizeBytes, Time


class FolderQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which folder, and which part of it."""

    prefix: str = ""
    """What its keys begin with; it ends with `/`, or is empty."""
    skip: int = 0
    limit: int = 100
    as_of: str | None = None


class FolderEntry(msgspec.Struct, frozen=True):
    """A key, or all keys that go on with the same name and a `/`."""

    name: str
    """What follows the prefix; of a folder with its `/`."""
    objects: Count
    size_bytes: SizeBytes
    updated_at: Time
    seq: Seq
    """The last event among them."""


class Folder(msgspec.Struct, frozen=True):
    """A part of a folder, in byte order of the keys."""

    entries: list[FolderEntry]
    total: Count


class KeyVersion(msgspec.Struct, frozen=True):
    """One version of a key that can still be read."""

    seq: Seq
    """The event that stored it."""
    at: Time
    size_bytes: SizeBytes
    sha256: str
    is_current: bool


class KeyVersions(msgspec.Struct, frozen=True):
    """The versions of a key, newest first."""

    versions: list[KeyVersion]


class ObjectDetail(msgspec.Struct, frozen=True):
    """The version of a key that is current."""

    key: str
    size_bytes: SizeBytes
    sha256: str
    content_type: str
    created_at: Time
    seq: Seq
