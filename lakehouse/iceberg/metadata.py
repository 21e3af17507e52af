"""The derived objects of a table: manifests, manifest lists, and the metadata document. Pure.

The files of a version are listed in blocks: whole blocks of 1,024 and 32 files at places that are
multiples of their size, the rest one by one. A whole block does not change when files are appended, so
that 10,000 appends share their manifests, and a list has at most some 70 of them.
"""

from typing import Any

import msgspec
import pyarrow as pa

from lakehouse.iceberg import avro_files
from lakehouse.iceberg.table import AddedFile, Version, digest
from lakehouse.iceberg.types import last_column_id, name_mapping, schema_json

PROJECTION = 3
"""Raised when the same events give other bytes."""
PREFIX = "_iceberg/"
STAGING = f"{PREFIX}staging/"
"""Where engines write the files of an append. Nothing refers to them; gc collects them."""
BLOCKS = (1024, 32, 1)
Json = dict[str, Any]


class Block(msgspec.Struct, frozen=True):
    """A manifest of some files in a row: how many, and its row of a manifest list."""

    size: int
    listed: bytes


class Document(msgspec.Struct, frozen=True):
    """The metadata of a table: its URL, the document and its bytes."""

    url: str
    json: Json
    body: bytes


def directory(table_uuid: str) -> str:
    """The prefix of a table's derived objects."""
    return f"{PREFIX}{PROJECTION}/{table_uuid}/"


def staging_directory(table_uuid: str) -> str:
    """The prefix below which engines write the files of appends to a table."""
    return f"{STAGING}{table_uuid}/"


class Deriver:
    """Derives a table's objects, version after version, oldest first.

    `pending` has those that were derived since the last `take`: key and body.
    """

    def __init__(self, uuid: str, bucket_url: str) -> None:
        self.uuid = uuid
        self.pending: dict[str, bytes] = {}
        self._url = bucket_url.rstrip("/")
        self._files: list[AddedFile] = []
        self._blocks: list[Block] = []
        self._made: dict[tuple[AddedFile, ...], Block] = {}
        self._schemas: list[tuple[str, Json]] = []
        self._header = b""
        self._snapshots: list[Json] = []
        self._newest: pa.Schema | None = None
        self._unlogged = 0
        self._size_bytes = self._row_count = 0

    def add(self, version: Version) -> None:
        """The next version. Raises Unreadable for a schema that Iceberg does not have."""
        schema_id = self._schema_id(version.schema)
        operation = self._place(version)
        self._newest = version.schema
        parent = self._snapshots[-1]["snapshot-id"] if self._snapshots else None
        listed = [each.listed for each in self._blocks]
        body = avro_files.manifest_list(listed, version.seq, parent)
        found: Json = {"snapshot-id": version.seq}
        if parent is not None:
            found["parent-snapshot-id"] = parent
        found |= {
            "sequence-number": version.seq,
            "timestamp-ms": version.timestamp_ms,
            "manifest-list": self._store(f"snap-{version.seq}", body, "avro"),
            "summary": {
                "operation": operation,
                "total-records": str(self._row_count),
                "total-data-files": str(len(self._files)),
                "total-files-size": str(self._size_bytes),
                "total-delete-files": "0",
            },
            "schema-id": schema_id,
        }
        self._snapshots.append(found)

    def leave_out(self) -> None:
        """The next version cannot be read, and so no moment before the version after it."""
        self._unlogged = len(self._snapshots)

    def take(self) -> dict[str, bytes]:
        """The objects that were derived since the last call."""
        taken, self.pending = self.pending, {}
        return taken

    @property
    def newest(self) -> pa.Schema:
        """The columns of the last version. Raises ValueError without one."""
        if self._newest is None:
            raise ValueError("a table without a version has no columns")
        return self._newest

    def document(self) -> Document:
        """The metadata after the last version."""
        if self._newest is None:
            raise ValueError("a table without a version has no metadata")
        schemas = [found for _, found in self._schemas]
        last = self._snapshots[-1]
        mapping = msgspec.json.encode(name_mapping(self._newest)).decode()
        document = {
            "format-version": 2,
            "table-uuid": self.uuid,
            "location": self._url,
            "last-sequence-number": last["snapshot-id"],
            "last-updated-ms": last["timestamp-ms"],
            "last-column-id": max(last_column_id(each) for each in schemas),
            "current-schema-id": last["schema-id"],
            "schemas": schemas,
            "default-spec-id": 0,
            "partition-specs": [{"spec-id": 0, "fields": []}],
            "last-partition-id": 999,
            "default-sort-order-id": 0,
            "sort-orders": [{"order-id": 0, "fields": []}],
            "properties": _properties(mapping, f"{self._url}/{staging_directory(self.uuid)}"),
            "current-snapshot-id": last["snapshot-id"],
            "refs": {"main": {"snapshot-id": last["snapshot-id"], "type": "branch"}},
            "snapshots": self._snapshots,
            "snapshot-log": [
                {name: each[name] for name in ("snapshot-id", "timestamp-ms")}
                for each in self._snapshots[self._unlogged :]
            ],
            "metadata-log": [],
        }
        body = msgspec.json.encode(document)
        url = self._store(str(last["snapshot-id"]), body, "metadata.json")
        return Document(url, document, body)

    def _schema_id(self, columns: pa.Schema) -> int:
        if columns is self._newest:
            return int(self._snapshots[-1]["schema-id"])
        shape = repr([(each.name, str(each.type)) for each in columns])
        for number, (known, _) in enumerate(self._schemas):
            if known == shape:
                return number
        self._schemas.append((shape, schema_json(columns, len(self._schemas))))
        self._header = avro_files.manifest_header(self._schemas[-1][1])
        return len(self._schemas) - 1

    def _place(self, version: Version) -> str:
        """Take over a version's files; what it did, in Iceberg's words."""
        if version.appends:
            self._files += [AddedFile(each, version.seq) for each in version.files]
        else:
            known = {each.file.path: each.added for each in self._files}
            self._files = [AddedFile(f, known.get(f.path, version.seq)) for f in version.files]
            self._blocks = []
            self._size_bytes = self._row_count = 0
        self._row_count += sum(each.row_count for each in version.files)
        self._size_bytes += sum(each.size_bytes for each in version.files)
        self._list()
        return "append" if version.appends else "overwrite"

    def _list(self) -> None:
        """Update the blocks to the files: blocks that became whole replace smaller ones."""
        place = sum(each.size for each in self._blocks)
        while place < len(self._files):
            room = len(self._files) - place
            size = next(each for each in BLOCKS if place % each == 0 and each <= room)
            self._blocks.append(self._block(place, size))
            place += size
            for larger in reversed(BLOCKS[:-1]):
                if place % larger == 0 and self._blocks[-1].size < larger:
                    self._join(place - larger, larger)

    def _join(self, place: int, size: int) -> None:
        covered = 0
        while covered < size:
            covered += self._blocks.pop().size
        self._blocks.append(self._block(place, size))

    def _block(self, place: int, size: int) -> Block:
        files = tuple(self._files[place : place + size])
        found = self._made.get(files)
        if found is None:
            made = avro_files.manifest(files, self._header)
            url = self._store("files", made.body, "avro")
            found = Block(size, made.listed(url))
            self._made[files] = found
        return found

    def _store(self, name: str, body: bytes, kind: str) -> str:
        key = f"{directory(self.uuid)}{name}-{digest(body)}.{kind}"
        self.pending[key] = body
        return f"{self._url}/{key}"


def _properties(mapping: str, staging: str) -> dict[str, str]:
    return {
        "schema.name-mapping.default": mapping,
        # Iceberg's Java reader has no vectorised reader for DELTA_BYTE_ARRAY, which ingest writes; see
        # ops/decisions/delta-byte-array-and-iceberg.md.
        "read.parquet.vectorization.enabled": "false",
        "write.data.path": f"{staging}data",
        "write.metadata.path": f"{staging}metadata",
        # A commit must leave the table's own manifests as they are.
        "commit.manifest-merge.enabled": "false",
        # Two writers at once make pyiceberg's own 4 attempts fail.
        "commit.retry.num-retries": "20",
    }
