"""Memory: bounded by the limits, whatever the size of the file or what it inflates to."""

import gzip
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest
import zstandard

from lakehouse.formats.csv.blocks import Block, first_line
from lakehouse.formats.csv.dialect import Dialect
from lakehouse.formats.csv.small_text import MOST_BYTES
from lakehouse.formats.csv.text_reader import TextReader
from lakehouse.formats.limits import IngestLimits

REPOSITORY = Path(__file__).parents[3]
MIB = 1 << 20

# Prints the outcome and by how many MiB the ingest raised the process's peak.
PROGRAM = """
import resource, sys
from pathlib import Path
from lakehouse.formats.ingest import ingest_file
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.options import Options
from lakehouse.process.memory import refuse_huge_pages

refuse_huge_pages()  # as the server does: with them, how much is held depends on the machine's day

def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

def ingest(source, limits):
    return ingest_file(ReadRequest(source=Path(source), content_encoding=None, options=Options(),
        contract=None, work_dir=lambda: Path(sys.argv[2]), limits=limits))

small = Path(sys.argv[2]) / "small.csv"
small.write_bytes(b"a,b\\n1,x\\n")
ingest(small, IngestLimits())
before = peak_mib()
limits = IngestLimits(decoded_bytes=int(sys.argv[3]), block_bytes=1 << 20, row_group_rows=20_000,
                record_bytes=16 << 20)
result = ingest(sys.argv[1], limits)
print(result.row_count if isinstance(result, Parsed) else result.code, peak_mib() - before)
"""


def test_large_file_is_read_in_blocks(tmp_path: Path) -> None:
    source, rows = tmp_path / "large.csv", 1_600_000
    with source.open("wb") as file:
        file.write(b"id,name,note\n")
        for _ in range(160):
            file.write(
                b'12345,"a, b",some ""note"" of sixty bytes that every row carries\n' * 10_000
            )
    outcome, mib = _ingest(source, tmp_path, decoded_bytes=source.stat().st_size)
    # The text alone is 99 MiB; as Python objects it would be several times that.
    assert source.stat().st_size > 99 * MIB
    assert outcome == str(rows)
    assert mib < 110


@pytest.mark.parametrize(
    ("line", "code"),
    [(b"x" * 1023 + b"\n", "too_large"), (b"x" * 1024, "malformed_csv")],
    ids=["rows", "one record"],
)
@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_bomb_stops_at_a_limit(name: str, line: bytes, code: str, tmp_path: Path) -> None:
    source = tmp_path / "bomb"
    source.write_bytes(_bomb(name, line))
    assert source.stat().st_size < 2 * MIB
    outcome, mib = _ingest(source, tmp_path, decoded_bytes=64 * MIB)
    assert outcome == code
    assert mib < 120


@pytest.mark.parametrize("quote", [b"", b'"'], ids=["plain", "quoted"])
def test_record_beyond_the_limit_is_refused_before_it_is_decoded(
    quote: bytes, tmp_path: Path
) -> None:
    """One and a half times the limit: between two doublings of what is held of the record."""
    source = tmp_path / "field"
    field = quote + b"x" * (24 * MIB) + quote
    source.write_bytes(gzip.compress(b"a,b\n1," + field + b"\n2,y\n"))
    outcome, mib = _ingest(source, tmp_path, decoded_bytes=64 * MIB)
    assert outcome == "malformed_csv"
    assert mib < 100


def test_arrow_reads_a_copy_that_no_thread_of_its_own_frees_as_a_python_object(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, addresses = b"1,x\n" * MOST_BYTES, list[range]()
    open_csv = pa.csv.open_csv

    def recorded(source: pa.BufferReader, *options: object) -> object:
        buffer = source.read_buffer()
        source.seek(0)
        addresses.append(range(buffer.address, buffer.address + buffer.size))
        return open_csv(source, *options)

    monkeypatch.setattr(pa.csv, "open_csv", recorded)
    block = Block(data, first_line)
    dialect = Dialect(",", "utf-8")
    TextReader(dialect, ("a", "b"), (), IngestLimits()).read(block)
    assert [pa.py_buffer(data).address in each for each in addresses] == [False]


def _bomb(name: str, line: bytes) -> bytes:
    member = {"gzip": gzip.compress, "zstd": zstandard.compress}[name](line * (1 << 14))
    return member * 32


def _ingest(source: Path, work_dir: Path, decoded_bytes: int) -> tuple[str, int]:
    command = [sys.executable, "-c", PROGRAM, str(source), str(work_dir), str(decoded_bytes)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, (done.returncode, done.stderr)
    outcome, mib = done.stdout.split()
    return outcome, int(mib)
