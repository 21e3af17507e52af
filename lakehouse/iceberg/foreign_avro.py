"""Avro files that engines wrote, read under limits. Pure.

An Avro file states how much memory and how many records it needs: both are checked before it is read.
"""

import io
import json
import struct
import zlib
from typing import Any

import fastavro

MAX_BYTES = 32 * 1024 * 1024
"""Of a file, as stored and as decompressed."""
_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_BROKEN = (
    ValueError,  # of fastavro, of JSON, of text
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    RecursionError,
    struct.error,
    zlib.error,
    fastavro.schema.SchemaParseException,
    fastavro.schema.UnknownType,
)


def records(body: bytes) -> list[dict[str, Any]]:
    """The records of an Avro file. Raises ValueError for what is none, or is too large."""
    try:
        _check(body)
        return [each for each in fastavro.reader(io.BytesIO(body)) if isinstance(each, dict)]
    except _BROKEN as error:
        raise ValueError(f"it is no Avro file that can be read ({type(error).__name__})") from error


def _check(body: bytes) -> None:
    """Raises ValueError unless its blocks are in size and number what their bytes can hold."""
    if len(body) > MAX_BYTES:
        raise ValueError("too large")
    source = io.BytesIO(body)
    if source.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("no Avro file")
    metadata = _metadata(source)
    source.read(_SYNC_BYTES)
    codec = metadata.get("avro.codec", b"null")
    if codec not in (b"null", b"deflate"):
        raise ValueError("another codec than null and deflate")
    if not _takes_bytes(json.loads(metadata["avro.schema"])):
        raise ValueError("records without bytes")
    left = MAX_BYTES
    while source.tell() < len(body):
        count, size = _long(source), _long(source)
        block = source.read(max(size, 0))
        source.read(_SYNC_BYTES)
        used = len(block) if codec == b"null" else _inflated(block, left)
        left -= used
        if left < 0 or not 0 <= count <= used:
            raise ValueError("a block that is too large")


def _metadata(source: io.BytesIO) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    while count := _long(source):
        if count < 0:
            count = -count
            _long(source)
        if count > MAX_BYTES:
            raise ValueError("too much metadata")
        for _ in range(count):
            name = source.read(_size(source)).decode()
            found[name] = source.read(_size(source))
    return found


def _size(source: io.BytesIO) -> int:
    size = _long(source)
    if size < 0:
        raise ValueError("a negative size")
    return size


def _long(source: io.BytesIO) -> int:
    value = shift = 0
    while True:
        byte: int = source.read(1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1)
        if shift > 63:
            raise ValueError("a number that is too long")


def _inflated(block: bytes, most: int) -> int:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    return len(inflater.decompress(block, most + 1))


def _takes_bytes(schema: Any) -> bool:
    """Whether each value has a byte at least, and so has each item of every array in it."""
    if isinstance(schema, list):
        return all(_has_bounded_arrays(each) for each in schema)
    if isinstance(schema, dict) and schema.get("type") in ("record", "error"):
        kinds = [each["type"] for each in schema["fields"]]
        return any(map(_takes_bytes, kinds)) and all(map(_has_bounded_arrays, kinds))
    if isinstance(schema, dict) and schema.get("type") == "fixed":
        return int(schema["size"]) > 0
    if isinstance(schema, dict):
        return _has_bounded_arrays(schema) and schema["type"] != "null"
    return schema in ("boolean", "int", "long", "float", "double", "bytes", "string")


def _has_bounded_arrays(schema: Any) -> bool:
    """Whether the items of every array in a schema take bytes; a value itself may have none."""
    if isinstance(schema, list):
        return all(map(_has_bounded_arrays, schema))
    if not isinstance(schema, dict):
        return True
    kind = schema.get("type")
    if kind in ("record", "error"):
        return all(_has_bounded_arrays(each["type"]) for each in schema["fields"])
    if kind in ("array", "map"):
        return _takes_bytes(schema["items" if kind == "array" else "values"])
    return _has_bounded_arrays(kind) if isinstance(kind, dict | list) else True
