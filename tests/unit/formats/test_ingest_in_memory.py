"""A small source in memory: the same Parquet as from disk, without a directory."""

import gzip
from pathlib import Path
from typing import Never

import pytest
from ingest_files import parsed

from lakehouse.domain.errors import Refused
from lakehouse.formats.ingest import ingest_file
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import Options
from lakehouse.formats.reader import Parsed, ReadRequest

FILES = {
    "plain": b"n,text\n1,a\n2,\n",
    "quotes and a BOM": b'\xef\xbb\xbfn,text\n1,"a\nb"\n2,""\n',
    "no rows": b"n,text\n",
    "gzip": gzip.compress(b"n,text\n" + b"1,a\n" * 9_000),
}


def no_directory() -> Never:
    raise AssertionError("a directory was asked for")


def in_memory(data: bytes, limits: IngestLimits) -> Parsed | Refused:
    return ingest_file(
        ReadRequest(
            source=data,
            content_encoding=None,
            options=Options(),
            contract=None,
            work_dir=no_directory,
            limits=limits,
        )
    )


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_a_small_file_in_memory_becomes_the_bytes_that_it_becomes_on_disk(
    tmp_path: Path, data: bytes
) -> None:
    here, there = in_memory(data, IngestLimits()), parsed(data, tmp_path)
    assert isinstance(here, Parsed)
    [mine], [file] = here.files, there.files
    assert isinstance(file.content, Path)
    assert mine.content == file.content.read_bytes()
    assert (mine.sha256, mine.size_bytes) == (file.sha256, file.size_bytes)
    assert (here.columns, here.row_count) == (there.columns, there.row_count)


@pytest.mark.parametrize("limits", [IngestLimits(held_bytes=50_000), IngestLimits(kept_bytes=0)])
def test_what_a_small_file_inflates_to_goes_to_disk_when_it_is_not_small(
    limits: IngestLimits,
) -> None:
    with pytest.raises(AssertionError, match="a directory was asked for"):
        in_memory(FILES["gzip"], limits)
