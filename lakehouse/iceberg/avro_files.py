"""Manifests and manifest lists as Avro files whose bytes depend on their content alone. Pure.

A manifest stands in thousands of lists: its row of a list is encoded once. Files are not compressed, and
no library encodes them, so that no version of one decides their bytes.

Source: the Iceberg table spec, "Manifests" and "Manifest lists". Bounds of values are left out: those of
an old file do not follow a column that became wider, and an absent bound loses no rows.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from lakehouse.formats.varint import varint, zigzag
from lakehouse.iceberg.table import AddedFile

SYNC_MARKER = bytes(16)
"""Avro's writers draw it at random; here the same content gives the same bytes."""
ADDED, EXISTING = 1, 0
_ABSENT, _PRESENT, _END = b"\x00", b"\x02", b"\x00"
"""The branch of null, the branch of a value, and the end of an array or a map."""


def _field(name: str, number: int, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "field-id": number, **more}


def _optional(name: str, number: int, kind: Any) -> dict[str, Any]:
    return _field(name, number, ["null", kind], default=None)


def _pairs(name: str, key: int, value: int, kind: str) -> dict[str, Any]:
    record = {
        "type": "record",
        "name": f"k{key}_v{value}",
        "fields": [_field("key", key, "int"), _field("value", value, kind)],
    }
    return {"type": "array", "items": record, "logicalType": "map", "doc": name}


_DATA_FILE: dict[str, Any] = {
    "type": "record",
    "name": "r2",
    "fields": [
        _field("content", 134, "int"),
        _field("file_path", 100, "string"),
        _field("file_format", 101, "string"),
        _field("partition", 102, {"type": "record", "name": "r102", "fields": []}),
        _field("record_count", 103, "long"),
        _field("file_size_in_bytes", 104, "long"),
        _optional("column_sizes", 108, _pairs("column_sizes", 117, 118, "long")),
        _optional("value_counts", 109, _pairs("value_counts", 119, 120, "long")),
        _optional("null_value_counts", 110, _pairs("null_value_counts", 121, 122, "long")),
        _optional("nan_value_counts", 137, _pairs("nan_value_counts", 138, 139, "long")),
        _optional("lower_bounds", 125, _pairs("lower_bounds", 126, 127, "bytes")),
        _optional("upper_bounds", 128, _pairs("upper_bounds", 129, 130, "bytes")),
        _optional("key_metadata", 131, "bytes"),
        _optional("split_offsets", 132, {"type": "array", "items": "long", "element-id": 133}),
        _optional("equality_ids", 135, {"type": "array", "items": "int", "element-id": 136}),
        _optional("sort_order_id", 140, "int"),
    ],
}
_ENTRY = {
    "type": "record",
    "name": "manifest_entry",
    "fields": [
        _field("status", 0, "int"),
        _optional("snapshot_id", 1, "long"),
        _optional("sequence_number", 3, "long"),
        _optional("file_sequence_number", 4, "long"),
        _field("data_file", 2, _DATA_FILE),
    ],
}
_SUMMARY = {
    "type": "record",
    "name": "r508",
    "fields": [
        _field("contains_null", 509, "boolean"),
        _optional("contains_nan", 518, "boolean"),
        _optional("lower_bound", 510, "bytes"),
        _optional("upper_bound", 511, "bytes"),
    ],
}
_LISTED = {
    "type": "record",
    "name": "manifest_file",
    "fields": [
        _field("manifest_path", 500, "string"),
        _field("manifest_length", 501, "long"),
        _field("partition_spec_id", 502, "int"),
        _field("content", 517, "int"),
        _field("sequence_number", 515, "long"),
        _field("min_sequence_number", 516, "long"),
        _field("added_snapshot_id", 503, "long"),
        _field("added_files_count", 504, "int"),
        _field("existing_files_count", 505, "int"),
        _field("deleted_files_count", 506, "int"),
        _field("added_rows_count", 512, "long"),
        _field("existing_rows_count", 513, "long"),
        _field("deleted_rows_count", 514, "long"),
        _optional("partitions", 507, {"type": "array", "items": _SUMMARY, "element-id": 508}),
        _optional("key_metadata", 519, "bytes"),
    ],
}
_LISTED_JSON = msgspec.json.encode(_LISTED)
_UNKNOWN = sum(isinstance(field["type"], list) for field in _DATA_FILE["fields"])
"""How many members of a data file are optional, and absent here."""


class Manifest(msgspec.Struct, frozen=True):
    """A manifest, and what a manifest list says of it."""

    body: bytes
    added_snapshot_id: int
    min_sequence_number: int
    added_files: int
    existing_files: int
    added_rows: int
    existing_rows: int

    def listed(self, url: str) -> bytes:
        """The row of the manifest at `url` in a manifest list."""
        counts = (
            self.added_snapshot_id,
            self.min_sequence_number,
            self.added_snapshot_id,
            self.added_files,
            self.existing_files,
            0,
            self.added_rows,
            self.existing_rows,
            0,
        )
        size, spec, content = _long(len(self.body)), _long(0), _long(0)
        numbers = b"".join(map(_long, counts))
        return _bytes(url.encode()) + size + spec + content + numbers + _PRESENT + _END + _ABSENT


def manifest_header(schema: dict[str, Any]) -> bytes:
    """How each manifest of files with these columns begins."""
    return _header(
        msgspec.json.encode(_ENTRY),
        {
            "schema": msgspec.json.encode(schema).decode(),
            "schema-id": str(schema["schema-id"]),
            "partition-spec": "[]",
            "partition-spec-id": "0",
            "format-version": "2",
            "content": "data",
        },
    )


def manifest(files: Sequence[AddedFile], header: bytes) -> Manifest:
    """The manifest of some files; it belongs to the snapshot that added the latest of them."""
    latest = max(each.added for each in files)
    rows = sum(each.file.row_count for each in files)
    added = [each.file.row_count for each in files if each.added == latest]
    return Manifest(
        _file(header, [_entry(each, latest) for each in files]),
        latest,
        min(each.added for each in files),
        len(added),
        len(files) - len(added),
        sum(added),
        rows - sum(added),
    )


def manifest_list(listed: Sequence[bytes], snapshot_id: int, parent: int | None) -> bytes:
    """The manifest list of a snapshot, of the rows of its manifests."""
    metadata = {
        "snapshot-id": str(snapshot_id),
        "parent-snapshot-id": "null" if parent is None else str(parent),
        "sequence-number": str(snapshot_id),
        "format-version": "2",
    }
    return _file(_header(_LISTED_JSON, metadata), listed)


def _entry(found: AddedFile, latest: int) -> bytes:
    added = _PRESENT + _long(found.added)
    status = _long(ADDED if found.added == latest else EXISTING)
    # The partition is a record without fields, and so without bytes.
    file = _long(0) + _bytes(found.file.path.encode()) + _bytes(b"PARQUET")
    numbers = _long(found.file.row_count) + _long(found.file.size_bytes)
    return status + added * 3 + file + numbers + _ABSENT * _UNKNOWN


def _header(schema: bytes, metadata: dict[str, str]) -> bytes:
    members = {name: text.encode() for name, text in metadata.items()}
    members |= {"avro.codec": b"null", "avro.schema": schema}
    pairs = [_bytes(name.encode()) + _bytes(value) for name, value in members.items()]
    return b"Obj\x01" + _long(len(pairs)) + b"".join(pairs) + _END + SYNC_MARKER


def _file(header: bytes, rows: Sequence[bytes]) -> bytes:
    if not rows:
        return header
    return header + _long(len(rows)) + _bytes(b"".join(rows)) + SYNC_MARKER


def _bytes(value: bytes) -> bytes:
    return _long(len(value)) + value


def _long(value: int) -> bytes:
    """A number of Avro, of either width."""
    return varint(zigzag(value))
