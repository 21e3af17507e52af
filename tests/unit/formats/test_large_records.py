"""A large record: found before any of it is decoded, read like any other when that is allowed."""

import gzip
from pathlib import Path

import pytest
from ingest_files import parsed

from lakehouse.formats.ingest import ingest_file
from lakehouse.formats.limits import AHEAD_BYTES, SHARED_BYTES, IngestLimits, LargeRecordError
from lakehouse.formats.options import CSV, NDJSON, QUARANTINE, REJECT, Options
from lakehouse.formats.ordered_parallel import ByteBudget
from lakehouse.formats.reader import Parsed, ReadRequest

LARGE = 20_000
LIMITS = IngestLimits(block_bytes=1_000, large_bytes=LARGE)


def request(data: bytes, work_dir: Path, options: Options, budget: ByteBudget) -> ReadRequest:
    (work_dir / "source").write_bytes(data)
    return ReadRequest(
        source=work_dir / "source",
        content_encoding=None,
        options=options,
        contract=None,
        work_dir=lambda: work_dir,
        limits=LIMITS,
        budget=budget,
    )


def csv_of(field: bytes) -> bytes:
    return b"a,b\n" + b"1,x\n" * 2_000 + b"2," + field + b"\n3,y\n"


FILES = {
    "plain": (csv_of(b"x" * 3 * LARGE), Options()),
    "quoted": (csv_of(b'"' + b"x,\n" * LARGE + b'"'), Options()),
    "never closed": (csv_of(b'"' + b"x,\n" * LARGE), Options()),
    "gzip": (gzip.compress(csv_of(b"x" * 3 * LARGE)), Options()),
    "quarantine": (csv_of(b"x" * 3 * LARGE), Options(on_error=QUARANTINE)),
    "bad line": (csv_of(b'"x"' + b"x" * 3 * LARGE), Options(on_error=QUARANTINE)),
    "ndjson": (b'{"a":1}\n{"a":"' + b"x" * 3 * LARGE + b'"}\n', Options(format=NDJSON)),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_a_large_record_is_not_read_on(name: str, tmp_path: Path) -> None:
    data, options = FILES[name]
    budget = ByteBudget(SHARED_BYTES)
    with pytest.raises(LargeRecordError):
        ingest_file(request(data, tmp_path, options, budget))
    assert budget.take(SHARED_BYTES), "what was kept of it is free again"
    assert [*tmp_path.glob("*.parquet")] == []


@pytest.mark.parametrize("options", [Options(format=CSV, on_error=REJECT), Options(format=NDJSON)])
def test_records_that_are_not_large_are_read_whatever_they_are_together(
    options: Options, tmp_path: Path
) -> None:
    if options.format == CSV:
        data = b"a\n" + (b"x" * (LARGE // 2) + b"\n") * 20
    else:
        data = (b'{"a":"' + b"x" * (LARGE // 2) + b'"}\n') * 20
    read = ingest_file(request(data, tmp_path, options, ByteBudget(SHARED_BYTES)))
    assert isinstance(read, Parsed)
    assert read.row_count == 20


@pytest.mark.parametrize("left_bytes", [0, AHEAD_BYTES, AHEAD_BYTES + 30_000, SHARED_BYTES])
def test_what_others_keep_changes_no_byte_of_the_parquet(left_bytes: int, tmp_path: Path) -> None:
    data = b"a,b\n" + b"".join(b"%d,text %d\n" % (n, n) for n in range(10_000))
    (tmp_path / "alone").mkdir()
    alone = parsed(data, tmp_path / "alone", limits=LIMITS)
    budget = ByteBudget(SHARED_BYTES)
    assert budget.take(SHARED_BYTES - left_bytes)
    read = ingest_file(request(data, tmp_path, Options(), budget))
    assert isinstance(read, Parsed)
    assert [file.sha256 for file in read.files] == [file.sha256 for file in alone.files]
    assert budget.take(left_bytes), "all that was kept is free again"
