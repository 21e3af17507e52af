"""A source file as chunks of UTF-8 text: decompressed, counted, transcoded, without its BOM.

It streams: neither a gzip nor a zstd bomb is ever inflated beyond a block or past the limit. It
knows nothing of CSV.
"""

import codecs
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from lakehouse.domain.errors import RefusedError
from lakehouse.formats.file_formats import compression_of
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.refusals import malformed, refusal, shown
from lakehouse.formats.text_encoding import decoder, utf8
from lakehouse.process.growing_file import GrowingFile, GrowingFileReader

Source = Path | bytes | GrowingFile
"""A file on disk, the bytes of a small one, or one that is still being written."""

_CODECS = {"gzip": "gzip", "x-gzip": "gzip", "zstd": "zstd"}
_BOM = codecs.BOM_UTF8


def text_chunks(
    source: Source, content_encoding: str | None, encoding: str, limits: IngestLimits
) -> Iterator[bytes]:
    """The text of `source` as UTF-8, in chunks of about `limits.block_bytes`.

    Where bytes cannot be decoded from `encoding`, the text has bytes that are not UTF-8, so that
    one reader finds both kinds of damage at its line. Raises RefusedError
    `unsupported_media_type`, `malformed_encoding`, `malformed_csv`, `too_large`.
    """
    chunks = byte_chunks(source, content_encoding, limits)
    return _without_bom(chunks if encoding == "utf-8" else _transcoded(chunks, encoding))


def byte_chunks(
    source: Source, content_encoding: str | None, limits: IngestLimits
) -> Iterator[bytes]:
    """The bytes of `source`, decompressed, in chunks of about `limits.block_bytes`.

    Raises RefusedError `unsupported_media_type`, `malformed_encoding`, `too_large`.
    """
    return _counted(_decompressed(source, content_encoding, limits.block_bytes), limits)


def _decompressed(source: Source, content_encoding: str | None, size: int) -> Iterator[bytes]:
    with _opened(source) as file:
        codec = _codec(content_encoding, file.read(4))
        file.seek(0)
        if codec is None:
            yield from iter(lambda: file.read(size), b"")
            return
        with pa.CompressedInputStream(file, codec) as stream:
            yield from iter(lambda: _read(stream, size, codec), b"")


def _opened(source: Source) -> pa.NativeFile | GrowingFileReader:
    if isinstance(source, GrowingFile):
        return source.open()
    return pa.BufferReader(source) if isinstance(source, bytes) else pa.OSFile(str(source))


def _codec(content_encoding: str | None, head: bytes) -> str | None:
    found = compression_of(head)
    name = (content_encoding or "identity").strip().lower()
    if name == "identity":
        return found
    if name not in _CODECS:
        detail = f"Content-Encoding {shown(name)} is not one of gzip, zstd, identity"
        raise refusal("unsupported_media_type", detail)
    if found != _CODECS[name]:
        raise _damaged(f"the bytes do not begin as {name} does")
    return found


def _read(stream: pa.NativeFile, size: int, codec: str) -> bytes:
    try:
        data: bytes = stream.read(size)
    except OSError as error:
        # pyarrow raises OSError for damage too; only the system's own carries an errno.
        if error.errno is not None:
            raise
        raise _damaged(f"the {codec} data is damaged or cut short") from error
    return data


def _counted(chunks: Iterator[bytes], limits: IngestLimits) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limits.decoded_bytes:
            detail = f"the file has more than {limits.decoded_bytes} bytes when decompressed"
            raise refusal("too_large", detail)
        yield chunk


def _transcoded(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    text = decoder(encoding)
    try:
        for chunk in chunks:
            yield utf8(text.decode(chunk))
        yield utf8(text.decode(b"", final=True))
    except UnicodeError as error:
        # The only errors left: utf-16 and utf-32 without a byte order mark.
        raise malformed(1, f"the file does not begin as {encoding} does") from error


def _without_bom(chunks: Iterator[bytes]) -> Iterator[bytes]:
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= len(_BOM):
            break
    yield head.removeprefix(_BOM)
    yield from chunks


def _damaged(detail: str) -> RefusedError:
    return refusal("malformed_encoding", detail)
