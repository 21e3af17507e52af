"""Blocks, threads and limits of any size: the same rows give the same bytes."""

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bench.workers import write_workers
from hypothesis import given
from hypothesis import strategies as st
from ingest_files import parsed, temporary

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.reader import Parsed


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("workers") / "workers.csv"
    write_workers(path, rows=5000)
    return path


@pytest.mark.parametrize("block", [333, 4096, 1 << 22])
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("kept", [0, 200_000])
def test_blocks_threads_and_what_is_kept_change_no_byte(
    block: int, threads: int, kept: int, workers: Path, tmp_path: Path
) -> None:
    small = {"row_group_rows": 700, "row_group_bytes": 100_000, "file_bytes": 60_000}
    expected = parsed(workers, tmp_path / "expected", limits=IngestLimits(**small))
    limits = IngestLimits(block_bytes=block, threads=threads, kept_bytes=kept, **small)
    result = parsed(workers, tmp_path / "result", limits=limits)
    assert _hashes(result) == _hashes(expected)
    assert len(result.files) > 1


def test_blocks_change_no_byte_where_columns_have_many_pages(tmp_path: Path) -> None:
    rng = random.Random(3)
    rows = (
        f"{rng.random()},{rng.randrange(10**9)},{rng.randbytes(30).hex()}" for _ in range(60_000)
    )
    data = "\n".join(["a,b,c", *rows]).encode()
    once = parsed(data, tmp_path / "once", limits=IngestLimits(block_bytes=1 << 24))
    again = parsed(
        data, tmp_path / "again", limits=IngestLimits(block_bytes=77_777, kept_bytes=10**6)
    )
    assert _hashes(once) == _hashes(again)


@given(
    st.lists(st.text("ab", max_size=30), min_size=1),
    st.integers(1, 5),
    st.integers(1, 90),
    st.integers(1, 40),
)
def test_groups_end_with_the_row_that_reaches_a_limit(
    cells: list[str], rows: int, size: int, block: int
) -> None:
    data = "a\n" + "".join(f'"{cell}"\n' for cell in cells)
    limits = IngestLimits(row_group_rows=rows, row_group_bytes=size, block_bytes=block)
    expected, group = [], list[str]()
    for cell in cells:
        group.append(cell)
        if len(group) == rows or sum(len(text) + 8 for text in group) >= size:
            expected.append(len(group))
            group = []
    with temporary() as folder:
        metadata = pq.read_metadata(
            parsed(data.encode(), Path(folder), limits=limits).files[0].content
        )
        found = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert found == expected + [len(group)] * bool(group)


def _hashes(result: Parsed) -> list[str]:
    return [file.sha256 for file in result.files]
