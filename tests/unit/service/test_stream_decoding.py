"""Streams that are compressed: cut anywhere, in parts, damaged, or made to burst."""

import asyncio
import gzip
import random
from collections.abc import AsyncIterator

import pytest
import zstandard

from lakehouse.domain.errors import RefusedError
from lakehouse.service.streaming.decoding import decoded

TEXT = b"".join(b'{"n": %d}\n' % number for number in range(2_000))
PACKED = {
    "gzip": gzip.compress(TEXT),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress(TEXT),
    None: TEXT,
}


def read(chunks: list[bytes], encoding: str | None = None) -> list[bytes]:
    async def given() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def all_of() -> list[bytes]:
        return [piece async for piece in decoded(given(), encoding)]

    return asyncio.run(all_of())


def cut(data: bytes, seed: int) -> list[bytes]:
    chance, pieces = random.Random(seed), []
    while data:
        size = chance.choice((1, 1, 2, 3, 50, 1000))
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("named", [True, False])
def test_a_stream_is_the_same_wherever_it_is_cut(
    encoding: str | None, seed: int, named: bool
) -> None:
    pieces = cut(PACKED[encoding], seed)
    assert b"".join(read(pieces, encoding if named else None)) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_stream_may_be_several_compressed_ones(encoding: str) -> None:
    assert b"".join(read(cut(PACKED[encoding] * 3, 1), encoding)) == TEXT * 3


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("lost", [1, 5, 100])
def test_a_stream_that_is_cut_short_is_damaged(encoding: str, lost: int) -> None:
    with pytest.raises(RefusedError, match=r"malformed_encoding.*cut short"):
        read([PACKED[encoding][:-lost]], encoding)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_bytes_that_are_not_what_the_header_says_are_damaged(encoding: str) -> None:
    with pytest.raises(RefusedError, match="malformed_encoding"):
        read([TEXT], encoding)
    with pytest.raises(RefusedError, match="malformed_encoding"):
        read([PACKED[encoding][:40] + b"\xff" * 40 + PACKED[encoding][80:]], encoding)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_a_bomb_comes_in_bounded_pieces(encoding: str) -> None:
    zeros = bytes(64 << 20)
    packed = (
        gzip.compress(zeros)
        if encoding == "gzip"
        else zstandard.ZstdCompressor(level=1).compress(zeros)
    )
    pieces = read([packed], encoding)
    assert sum(map(len, pieces)) == len(zeros)
    assert max(map(len, pieces)) <= 16 << 20


def test_a_row_is_passed_on_however_short_it_is() -> None:
    assert read([b"{", b"}\n"]) == [b"{", b"}\n"]
