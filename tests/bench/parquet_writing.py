"""Ways to write the row groups of one file on one thread and on two, in turns, on the same typed rows.

    python -m tests.bench.parquet_writing [--rows 500000] [--rounds 7]

One writer on one thread; row groups encoded by two threads into one file; whole row groups dealt to two
writers, a file each; pyarrow's dataset writer, which makes files in parallel.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from lakehouse.formats.ingest import ingest_file
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import Options
from lakehouse.formats.parquet.column_encodings import encodings
from lakehouse.formats.parquet.parallel_encoding import write_in_parallel
from lakehouse.formats.reader import Parsed, ReadRequest
from tests.bench.workers import write_workers

THREADS = 2


def main() -> None:
    """Print the best and the median time of each way, and its ratio to one writer."""
    parser = argparse.ArgumentParser(description="Measure ways to write Parquet.")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        groups = _row_groups(Path(name), given.rows)
        taken: dict[str, list[float]] = {way.__name__: [] for way in WAYS}
        for _ in range(given.rounds):
            for way in WAYS:
                into = Path(name) / "out"
                into.mkdir()
                started_s = time.perf_counter()
                way(groups, into)
                taken[way.__name__].append(time.perf_counter() - started_s)
                shutil.rmtree(into)
    base = min(taken["one_thread"])
    for name, seconds in taken.items():
        best, middle = min(seconds), sorted(seconds)[len(seconds) // 2]
        print(f"{name:20} best {best:.3f} s ({best / base:.2f}) median {middle:.3f} s")


def one_thread(groups: list[pa.Table], into: Path) -> None:
    """One writer."""
    _write(groups, into / "one.parquet", encodings(groups[0]))


def one_file_in_parallel(groups: list[pa.Table], into: Path) -> None:
    """Row groups encoded by two threads, one file."""
    with pa.OSFile(str(into / "parallel.parquet"), "wb") as sink:
        write_in_parallel(sink, groups, encodings(groups[0]), THREADS, IngestLimits().file_bytes)


def row_groups_dealt(groups: list[pa.Table], into: Path) -> None:
    """Every second row group on each of two writers; two files."""
    options = encodings(groups[0])
    with ThreadPoolExecutor(THREADS) as pool:
        for done in [
            pool.submit(_write, groups[place::THREADS], into / f"{place}.parquet", options)
            for place in range(THREADS)
        ]:
            done.result()


def dataset_writer(groups: list[pa.Table], into: Path) -> None:
    """pyarrow.dataset.write_dataset, files of one row group."""
    most = max(group.num_rows for group in groups)
    options = ds.ParquetFileFormat().make_write_options(**encodings(groups[0]))
    ds.write_dataset(
        (batch for group in groups for batch in group.to_batches()),
        into,
        schema=groups[0].schema,
        format="parquet",
        file_options=options,
        max_rows_per_file=most,
        max_rows_per_group=most,
        min_rows_per_group=1,
    )


WAYS: tuple[Callable[[list[pa.Table], Path], None], ...] = (
    one_thread,
    one_file_in_parallel,
    row_groups_dealt,
    dataset_writer,
)


def _write(groups: list[pa.Table], path: Path, options: dict[str, object]) -> None:
    with pq.ParquetWriter(str(path), groups[0].schema, **options) as writer:
        for group in groups:
            writer.write_table(group, group.num_rows)


def _row_groups(into: Path, rows: int) -> list[pa.Table]:
    csv = into / "workers.csv"
    write_workers(csv, rows)
    parsed = ingest_file(
        ReadRequest(
            source=csv,
            content_encoding=None,
            options=Options(),
            contract=None,
            work_dir=lambda: into,
            limits=IngestLimits(),
        )
    )
    if not isinstance(parsed, Parsed):
        raise SystemExit(f"the file was refused: {parsed.detail}")
    file = pq.ParquetFile(parsed.files[0].content)
    return [file.read_row_group(place).combine_chunks() for place in range(file.num_row_groups)]


if __name__ == "__main__":
    main()
