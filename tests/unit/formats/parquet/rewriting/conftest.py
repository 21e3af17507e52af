"""The file that these tests rewrite."""

from pathlib import Path

import pyarrow as pa
import pytest
from rewriting_file import SMALL, TABLE, TYPES

from lakehouse.formats.parquet.field_ids import with_field_ids
from lakehouse.formats.parquet.rewriting import program
from lakehouse.formats.parquet.writer import WRITER, write_parquet


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "IngestLimits", lambda: SMALL)


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A file by our writer, in row groups of 100 rows."""
    schema = with_field_ids(pa.schema(list(TYPES.items())), WRITER)
    batches = TABLE.cast(schema).to_batches()
    (file,) = write_parquet(batches, schema, tmp_path, SMALL)
    return Path(str(file.content))
