"""An Iceberg client that appends, by Arrow and Avro alone: writes files below the paths that a table names.

`Staged` is one snapshot: what it sends can be sent again, and on another base.
"""

import io
import secrets
from collections.abc import Callable
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from lakehouse.formats.parquet.field_ids import with_field_ids

Json = dict[str, Any]
Put = Callable[[str, bytes], None]
"""Writes an object at a URL."""
Get = Callable[[str], bytes]
_FILE = [
    ("content", "int"),
    ("file_path", "string"),
    ("file_format", "string"),
    ("record_count", "long"),
    ("file_size_in_bytes", "long"),
]
ENTRY = {
    "type": "record",
    "name": "manifest_entry",
    "fields": [
        {"name": "status", "type": "int"},
        {"name": "snapshot_id", "type": ["null", "long"]},
        {
            "name": "data_file",
            "type": {
                "type": "record",
                "name": "r2",
                "fields": [{"name": name, "type": kind} for name, kind in _FILE],
            },
        },
    ],
}
LISTED = {
    "type": "record",
    "name": "manifest_file",
    "fields": [
        {"name": name, "type": kind}
        for name, kind in [
            ("manifest_path", "string"),
            ("manifest_length", "long"),
            ("partition_spec_id", "int"),
            ("content", "int"),
        ]
    ],
}


def avro(schema: Json, rows: list[Json], codec: str = "deflate") -> bytes:
    out = io.BytesIO()
    fastavro.writer(out, schema, rows, codec=codec)
    return out.getvalue()


class Staged:
    """An append of some tables to a table, each in a file; `metadata` is the table's as loaded."""

    def __init__(self, metadata: Json, put: Put, get: Get, *tables: pa.Table) -> None:
        self.snapshot_id = secrets.randbits(62) + 1
        self.metadata = metadata
        self.put = put
        self.get = get
        self.entries = [self._file(number, each) for number, each in enumerate(tables)]
        self.status = 1
        self.content = 0
        self.kept: list[Json] | None = None
        """Instead of the manifests of the base."""

    def _file(self, number: int, table: pa.Table) -> Json:
        out = io.BytesIO()
        pq.write_table(table.cast(with_field_ids(table.schema)), out)
        url = (
            f"{self.metadata['properties']['write.data.path']}/{self.snapshot_id}-{number}.parquet"
        )
        self.put(url, out.getvalue())
        return {
            "content": 0,
            "file_path": url,
            "file_format": "PARQUET",
            "record_count": table.num_rows,
            "file_size_in_bytes": len(out.getvalue()),
        }

    def commit(self, metadata: Json | None = None) -> Json:
        """The body of a commit, on the table as `metadata` has it."""
        base = metadata or self.metadata
        current = base["current-snapshot-id"]
        below = base["properties"]["write.metadata.path"]
        manifest = avro(
            ENTRY,
            [
                {"status": self.status, "snapshot_id": self.snapshot_id, "data_file": each}
                for each in self.entries
            ],
        )
        url = f"{below}/{self.snapshot_id}-m0.avro"
        self.put(url, manifest)
        row = {
            "manifest_path": url,
            "manifest_length": len(manifest),
            "partition_spec_id": 0,
            "content": self.content,
        }
        before = next(each for each in base["snapshots"] if each["snapshot-id"] == current)
        kept = self.kept
        if kept is None:
            kept = list(fastavro.reader(io.BytesIO(self.get(before["manifest-list"]))))
        listed = f"{below}/snap-{self.snapshot_id}-{secrets.token_hex(4)}.avro"
        self.put(listed, avro(LISTED, [row, *kept]))
        snapshot = {
            "snapshot-id": self.snapshot_id,
            "parent-snapshot-id": current,
            "sequence-number": base["last-sequence-number"] + 1,
            "timestamp-ms": base["last-updated-ms"],
            "manifest-list": listed,
            "summary": {"operation": "append"},
            "schema-id": base["current-schema-id"],
        }
        ref = {"ref-name": "main", "type": "branch", "snapshot-id": self.snapshot_id}
        return {
            "identifier": {"namespace": ["lake"], "name": "t"},
            "requirements": [
                {"type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": current},
                {"type": "assert-table-uuid", "uuid": base["table-uuid"]},
            ],
            "updates": [
                {"action": "add-snapshot", "snapshot": snapshot},
                {"action": "set-snapshot-ref", **ref},
            ],
        }
