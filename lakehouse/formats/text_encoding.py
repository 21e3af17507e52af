"""Encodings: text of a file's encoding as UTF-8, and back, without losing a byte that is not text.

A byte that cannot be decoded becomes the UTF-8 form of a lone surrogate, U+DC00 plus the byte:
never valid UTF-8, so that one reader finds damage in every encoding, and never lost.
"""

import codecs

UNDECODABLE = "lakehouse-undecodable"
_FIRST = 0xDC00


def decoder(encoding: str) -> codecs.IncrementalDecoder:
    """A decoder that goes on after bytes that are not text. Raises UnicodeError for a missing BOM."""
    return codecs.getincrementaldecoder(encoding)(UNDECODABLE)


def utf8(text: str) -> bytes:
    """Text as UTF-8; lone surrogates (marks of ours, or what utf-7 lets through) stay invalid."""
    return text.encode("utf-8", "surrogatepass")


def raw_bytes(data: bytes, encoding: str) -> bytes:
    """Bytes that were made by `utf8`, as they stood in the file.

    An encoding that cannot say again what it said (one with states, or of two bytes a unit) gives
    UTF-8, the undecodable bytes put back between.
    """
    if encoding == "utf-8":
        return data
    text = data.decode("utf-8", "surrogatepass")
    try:
        return text.encode(encoding, UNDECODABLE)
    except UnicodeError:
        return text.encode("utf-8", UNDECODABLE)


def _mark(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeDecodeError):
        damaged = error.object[error.start : error.end]
        return "".join(chr(_FIRST + byte) for byte in damaged), error.end
    if isinstance(error, UnicodeEncodeError):
        marks = [ord(mark) - _FIRST for mark in error.object[error.start : error.end]]
        if all(0 <= mark <= 0xFF for mark in marks):
            return bytes(marks), error.end
    raise error


codecs.register_error(UNDECODABLE, _mark)
