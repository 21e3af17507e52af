"""What may be asked of the objects of a dataset, whose rows stay: one frozen value per change. Pure."""

import msgspec

from journal.events import Column, Object


class CompactDataset(msgspec.Struct, frozen=True):
    """Replace the adjacent objects `blobs` of a dataset by `by`: the same rows in the same order.

    `rows` are the numbers of rows of `blobs`, which were read under the fingerprint `read_under`.
    """

    name: str
    read_under: str
    blobs: tuple[str, ...]
    rows: tuple[int, ...]
    by: tuple[Object, ...]
    retyped: "Retyped | None" = None


class Retyped(msgspec.Struct, frozen=True):
    """The schema that a dataset has once no object but `blobs` and the new ones is left."""

    schema: tuple[Column, ...]
    schema_fingerprint: str
    blobs: frozenset[str]
