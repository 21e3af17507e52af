"""A plan: which files are read in milliseconds, so that others may wait for them."""

import gzip
from pathlib import Path

import pytest

from lakehouse.formats.options import Options
from lakehouse.process.spool import Spooled
from lakehouse.service.ingest.plan import MOST_COLUMNS, IngestPlan

SMALL = b"a,b\n1,2\n"


def is_quick(content: Path | bytes, **options: str) -> bool:
    return IngestPlan("t", options=Options(**options)).is_quick(Spooled(content, "", 0))


@pytest.mark.parametrize("content", [SMALL, b"", b"a", b"," * (MOST_COLUMNS - 1) + b"\n"])
def test_a_small_and_plain_file_is_quick(content: bytes) -> None:
    assert is_quick(content)


def test_what_may_take_long_is_not() -> None:
    assert not is_quick(Path("spooled"))
    assert not is_quick(gzip.compress(SMALL))
    assert not is_quick(SMALL, on_error="quarantine")
    assert not is_quick(SMALL, format="parquet")
    assert not is_quick(b"," * MOST_COLUMNS + b"\n")
    assert not is_quick(b"\n\r\n" + b"," * MOST_COLUMNS + b"\n")
    assert not is_quick(b"\n".join([b";" * MOST_COLUMNS, SMALL]), delimiter=";")
