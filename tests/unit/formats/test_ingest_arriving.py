"""A file that is read while it arrives becomes what it becomes when it is there."""

import gzip
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from ingest_files import parsed

from lakehouse.domain.errors import Refused
from lakehouse.formats.ingest import ingest_file
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import Options
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.process.growing_file import GrowingFile, ReadAbandonedError

ROWS = [f'{n},"note, {n}",{n / 4 if n > 900 else n}' for n in range(1000)]
CSV = "\n".join(["a,b,c", *ROWS]).encode()
NDJSON = b"\n".join(b'{"a":%d}' % n for n in range(1000))
LIMITS = IngestLimits(block_bytes=1000, kept_bytes=5000)


def _read(file: GrowingFile, into: Path, options: Options) -> Parsed | Refused:
    return ingest_file(
        ReadRequest(
            source=file,
            content_encoding=None,
            options=options,
            contract=None,
            work_dir=lambda: into,
            limits=LIMITS,
        )
    )


@contextmanager
def _reading(
    into: Path,
) -> Iterator[tuple[GrowingFile, "_Writer", "ThreadPoolExecutor"]]:
    into.mkdir()
    file = GrowingFile(into / "source")
    writer = _Writer(file)
    with ThreadPoolExecutor(1) as pool:
        try:
            yield file, writer, pool
        finally:
            file.give_up()
            writer.close()


class _Writer:
    def __init__(self, file: GrowingFile) -> None:
        self._file = file
        self._descriptor = os.open(file.path, os.O_WRONLY | os.O_CREAT)

    def write(self, data: bytes) -> None:
        os.write(self._descriptor, data)
        self._file.grow(len(data))

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (CSV, {}),
        (gzip.compress(CSV), {}),
        (CSV.decode().encode("utf-16"), {"encoding": "utf-16"}),
        (CSV + b"\n1,2\n", {"on_error": "quarantine"}),
        (NDJSON, {"format": "ndjson"}),
    ],
    ids=["plain", "gzip", "utf-16", "quarantine", "ndjson"],
)
@pytest.mark.parametrize("size", [1, 777, 10**6])
def test_pieces_that_come_while_it_is_read_change_nothing(
    data: bytes, options: dict[str, str], size: int, tmp_path: Path
) -> None:
    size = max(size, len(data) // 500)
    expected = parsed(data, tmp_path / "whole", limits=LIMITS, **options)
    into = tmp_path / "arriving"
    with _reading(into) as (file, writer, pool):
        result = pool.submit(_read, file, into, Options(**options))
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
        assert not result.done()
        file.end()
        found = result.result(60)
    assert isinstance(found, Parsed)
    assert [each.sha256 for each in found.files] == [each.sha256 for each in expected.files]
    assert (found.quarantine is None) == (expected.quarantine is None)


def test_a_parquet_file_is_read_when_it_is_whole(tmp_path: Path) -> None:
    made = parsed(CSV, tmp_path / "made").files[0].content
    assert isinstance(made, Path)
    into = tmp_path / "arriving"
    with _reading(into) as (file, writer, pool):
        result = pool.submit(_read, file, into, Options(format="parquet"))
        writer.write(made.read_bytes())
        file.end()
        assert isinstance(result.result(60), Parsed)


@pytest.mark.parametrize("format_", ["csv", "ndjson", "parquet"])
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_given_up_is_read_no_further(format_: str, packed: bool, tmp_path: Path) -> None:
    into = tmp_path / "arriving"
    with _reading(into) as (file, writer, pool):
        result = pool.submit(_read, file, into, Options(format=format_))
        writer.write(gzip.compress(os.urandom(9000)) if packed else CSV[:9000])
        file.give_up()
        with pytest.raises(ReadAbandonedError):
            result.result(60)


def test_damage_is_told_before_the_end(tmp_path: Path) -> None:
    into = tmp_path / "arriving"
    with _reading(into) as (file, writer, pool):
        result = pool.submit(_read, file, into, Options())
        writer.write(CSV[:9000].replace(b"3,", b"3,,", 1) + b"\n" * 9000)
        refused = result.result(60)
    assert isinstance(refused, Refused)
    assert refused.code == "malformed_csv"


def test_a_reader_waits_for_all_that_it_asks_for(tmp_path: Path) -> None:
    with _reading(tmp_path / "arriving") as (file, writer, pool), file.open() as reader:
        writer.write(b"abc")
        assert reader.read(2) == b"ab"
        begun = threading.Event()
        rest = pool.submit(lambda: (begun.set(), reader.read(3))[1])
        assert begun.wait(60)
        writer.write(b"d")
        assert not rest.done()
        writer.write(b"ef")
        assert rest.result(60) == b"cde"
        file.end()
        assert (reader.read(5), reader.read(5)) == (b"f", b"")
