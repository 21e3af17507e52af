"""The bytes of a stream, decompressed as they come.

Owns how much one piece may become: neither a gzip nor a zstd bomb is inflated beyond a few MiB at a time.
Must never wait for more than the next byte needs: what a client has flushed is passed on at once.
"""

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import zstandard

from lakehouse.formats.file_formats import compression_of
from lakehouse.formats.refusals import refusal, shown

PIECE_BYTES = 256 * 1024
"""What gzip gives at a time."""
ZSTD_STEP_BYTES = 256
"""What zstd takes at a time: 4 bytes can become 128 KiB, so this at most 8 MiB."""
_MAX_WINDOW_BYTES = 8 << 20
_GZIP_WBITS = 16 + zlib.MAX_WBITS
_MAGIC_BYTES = 4
_CODECS = {"gzip": "gzip", "x-gzip": "gzip", "zstd": "zstd"}


class _Decoder(Protocol):
    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes become. Raises RefusedError."""
        ...

    def end(self) -> None:
        """The stream is over. Raises RefusedError if its coding is not."""
        ...


async def decoded(
    chunks: AsyncIterator[bytes], content_encoding: str | None
) -> AsyncIterator[bytes]:
    """`chunks` without their compression, as the header or the first bytes say.

    Raises RefusedError `unsupported_media_type`, `malformed_encoding`.
    """
    head, decoder = b"", None
    async for chunk in chunks:
        if decoder is None:
            head += chunk
            if _undecided(head, content_encoding):
                continue
            decoder, chunk = _decoder(head, content_encoding), head
        for piece in decoder.pieces(chunk):
            yield piece
    if decoder is None:
        if not head:
            return
        decoder = _decoder(head, content_encoding)
        for piece in decoder.pieces(head):
            yield piece
    decoder.end()


def check_encoding(content_encoding: str | None) -> None:
    """Raises RefusedError `unsupported_media_type` for a coding that is not undone."""
    if content_encoding is not None and content_encoding not in _CODECS:
        detail = f"Content-Encoding {shown(content_encoding)} is not one of gzip, zstd, identity"
        raise refusal("unsupported_media_type", detail)


def _undecided(head: bytes, content_encoding: str | None) -> bool:
    """Whether more bytes may show a compression; a row begins with none of theirs."""
    if content_encoding is None and head[:1] in b"{ \t\r\n":
        return False
    return len(head) < _MAGIC_BYTES and compression_of(head) is None


def _decoder(head: bytes, content_encoding: str | None) -> _Decoder:
    found = compression_of(head)
    if content_encoding is not None and found != _CODECS[content_encoding]:
        raise _damaged(f"the bytes do not begin as {content_encoding} does")
    if found == "gzip":
        return _Gzip()
    return _Zstd() if found == "zstd" else _Plain()


class _Plain:
    def pieces(self, data: bytes) -> Iterator[bytes]:
        yield data

    def end(self) -> None:
        pass


class _Gzip:
    """One or several members."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_WBITS)
        self._begun = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                self._member, self._begun = zlib.decompressobj(_GZIP_WBITS), False
            self._begun = True
            try:
                piece = self._member.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise _damaged("the gzip data is damaged") from error
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                yield piece
        while not self._member.eof and (piece := self._member.decompress(b"", PIECE_BYTES)):
            yield piece

    def end(self) -> None:
        if self._begun and not self._member.eof:
            raise _damaged("the gzip data is cut short")


class _Zstd:
    """One or several frames."""

    def __init__(self) -> None:
        self._context = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
        self._frame = self._context.decompressobj()
        self._begun = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), ZSTD_STEP_BYTES):
            yield from self._step(data[start : start + ZSTD_STEP_BYTES])

    def end(self) -> None:
        if self._begun and not self._frame.eof:
            raise _damaged("the zstd data is cut short")

    def _step(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._frame.eof:
                self._frame = self._context.decompressobj()
            self._begun = True
            try:
                piece = self._frame.decompress(data)
            except zstandard.ZstdError as error:
                raise _damaged("the zstd data is damaged") from error
            data = self._frame.unused_data if self._frame.eof else b""
            if piece:
                yield piece


def _damaged(detail: str) -> Exception:
    return refusal("malformed_encoding", detail)
