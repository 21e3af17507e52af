"""Field ids: each Parquet that ingest writes carries them, and they depend on the path alone."""

import hashlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ingest_files import parsed

from lakehouse.formats.parquet.field_ids import field_id


def _field_ids(path: Path) -> dict[str, int]:
    """As a reader of the Parquet footer sees them."""
    schema = pq.read_schema(path)
    return {field.name: int((field.metadata or {})[b"PARQUET:field_id"]) for field in schema}


def test_an_id_is_of_the_first_four_bytes_of_the_hash_of_the_path() -> None:
    digest = hashlib.sha256(b"amount").hexdigest()
    assert field_id(["amount"]) == int(digest[:8], 16) // 4 + 1
    nested = hashlib.sha256(b"tags\x1felement").hexdigest()
    assert field_id(["tags", "element"]) == int(nested[:8], 16) // 4 + 1


@pytest.mark.parametrize(
    ("data", "options"),
    [(b"id,name\n1,x\n", {}), (b'{"id": 1, "name": "x"}\n', {"format": "ndjson"})],
    ids=["csv", "ndjson"],
)
def test_a_written_file_carries_them(data: bytes, options: dict[str, str], tmp_path: Path) -> None:
    result = parsed(data, tmp_path, **options)
    expected = {name: field_id([name]) for name in ("id", "name")}
    assert _field_ids(Path(result.files[0].content)) == expected


def test_a_quarantine_file_carries_them(tmp_path: Path) -> None:
    result = parsed(b"id,name\n1\n", tmp_path, on_error="quarantine")
    assert result.quarantine is not None
    found = _field_ids(Path(result.quarantine.file.content))
    assert found == {name: field_id([name]) for name in ("line", "column", "reason", "raw")}
