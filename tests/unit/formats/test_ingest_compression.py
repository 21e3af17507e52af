"""Compressed sources: by name or by first bytes, whole or refused, never beyond the limit."""

import gzip
import zlib
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from ingest_files import by_duckdb, parsed, refused

from lakehouse.formats.limits import IngestLimits

DATA = b"a,b\n" + b"1,x\n" * 1000
ROWS = [(1, "x")] * 1000
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"


def _zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=True).compress(data)


PACK = {"gzip": gzip.compress, "zstd": _zstd}
BOTH = pytest.mark.parametrize("name", ["gzip", "zstd"])


@BOTH
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("cuts", [[], [1], [5, 5, 2000]])
def test_members_are_read_as_one(name: str, named: bool, cuts: list[int], tmp_path: Path) -> None:
    edges = [0, *cuts, len(DATA)]
    parts = [DATA[a:b] for a, b in pairwise(edges)]
    body = b"".join(PACK[name](part) for part in parts)
    encoding = name if named else None
    limits = IngestLimits(block_bytes=700)
    assert by_duckdb(parsed(body, tmp_path, content_encoding=encoding, limits=limits)) == ROWS


@pytest.mark.parametrize("encoding", ["identity", "", "x-gzip", "GZIP"])
def test_other_spellings_of_encodings(encoding: str, tmp_path: Path) -> None:
    body = DATA if encoding in ("identity", "") else gzip.compress(DATA)
    assert by_duckdb(parsed(body, tmp_path, content_encoding=encoding)) == ROWS


def test_skippable_frames_are_skipped(tmp_path: Path) -> None:
    assert by_duckdb(parsed(SKIPPABLE + _zstd(DATA) + SKIPPABLE, tmp_path)) == ROWS


@BOTH
@pytest.mark.parametrize("cut", [5, 12, -9, -8, -5, -1])
@pytest.mark.parametrize("before", [b"", DATA])
def test_truncated_is_refused(name: str, cut: int, before: bytes, tmp_path: Path) -> None:
    body = (PACK[name](before) if before else b"") + PACK[name](DATA)[:cut]
    assert refused(body, tmp_path, content_encoding=name).code == "malformed_encoding"


@BOTH
@pytest.mark.parametrize("cut", [5, -1])
@pytest.mark.parametrize("before", [b"", DATA])
def test_truncated_is_refused_where_bad_rows_are_set_aside_too(
    name: str, cut: int, before: bytes, tmp_path: Path
) -> None:
    body = (PACK[name](before) if before else b"") + PACK[name](DATA)[:cut]
    assert refused(body, tmp_path, on_error="quarantine").code == "malformed_encoding"


def test_too_many_bytes_are_refused_where_bad_rows_are_set_aside_too(tmp_path: Path) -> None:
    limits = IngestLimits(decoded_bytes=len(DATA) - 1, block_bytes=700)
    assert refused(DATA, tmp_path, on_error="quarantine", limits=limits).code == "too_large"


@BOTH
@pytest.mark.parametrize("tail", [b"x", b"\0" * 20, b"a,b\n1,2\n" * 9])
def test_trailing_garbage_is_refused(name: str, tail: bytes, tmp_path: Path) -> None:
    assert refused(PACK[name](DATA) + tail, tmp_path).code == "malformed_encoding"


@BOTH
def test_damage_is_refused(name: str, tmp_path: Path) -> None:
    body = bytearray(PACK[name](DATA))
    body[-5] ^= 0xFF
    assert refused(bytes(body), tmp_path).code == "malformed_encoding"


@pytest.mark.parametrize("body", [b"", DATA, zlib.compress(DATA), _zstd(DATA)])
def test_body_that_is_not_what_it_says_is_refused(body: bytes, tmp_path: Path) -> None:
    assert refused(body, tmp_path, content_encoding="gzip").code == "malformed_encoding"


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "compress"])
def test_unknown_encoding_is_refused(encoding: str, tmp_path: Path) -> None:
    answer = refused(DATA, tmp_path, content_encoding=encoding)
    assert answer.code == "unsupported_media_type"


@BOTH
def test_decoded_bytes_are_counted_to_the_last(name: str, tmp_path: Path) -> None:
    body = PACK[name](DATA)
    exact = IngestLimits(decoded_bytes=len(DATA), block_bytes=700)
    assert by_duckdb(parsed(body, tmp_path / "exact", limits=exact)) == ROWS
    over = IngestLimits(decoded_bytes=len(DATA) - 1, block_bytes=700)
    assert refused(body, tmp_path / "over", limits=over).code == "too_large"


def test_plain_bytes_are_counted_too(tmp_path: Path) -> None:
    assert refused(DATA, tmp_path, limits=IngestLimits(decoded_bytes=100)).code == "too_large"


@BOTH
def test_compressed_nothing_is_empty_csv(name: str, tmp_path: Path) -> None:
    assert refused(PACK[name](b""), tmp_path).code == "empty_csv"
