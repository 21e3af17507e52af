"""One Parquet file out of row groups of several: their bytes are copied, and only the footer is written.

Owns which members of a footer hold places in the file. Page indexes and Bloom filters lie outside row
groups and are left out; our writer makes none. Must never copy between files whose columns are stored
differently: `Footer.schema` has to be equal.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import msgspec

from lakehouse.formats.parquet.thrift_compact import BINARY, I16, I64, Struct, decoded, encoded

MAGIC = b"PAR1"
_TAIL_BYTES = 8
_PIECE_BYTES = 1024 * 1024
_MOST_ORDINAL = (1 << 15) - 1

# Field numbers of parquet.thrift: FileMetaData, RowGroup, ColumnChunk, ColumnMetaData.
_SCHEMA, _ROWS, _GROUPS, _KEY_VALUES = 2, 3, 4, 5
_COLUMNS, _GROUP_SIZE, _GROUP_ROWS, _SORTING = 1, 2, 3, 4
_GROUP_OFFSET, _GROUP_COMPRESSED, _ORDINAL = 5, 6, 7
_CHUNK_PATH, _CHUNK_OFFSET, _META = 1, 2, 3
_OUTSIDE_CHUNK = (4, 5, 6, 7)
"""Offset index and column index."""
_ENCRYPTED_CHUNK = (8, 9)
_TYPE, _PATH_IN_SCHEMA, _SIZE, _COMPRESSED_SIZE = 1, 3, 6, 7
_DATA_PAGE, _INDEX_PAGE, _DICTIONARY_PAGE = 9, 10, 11
_BLOOM = (14, 15)


class Footer(msgspec.Struct, frozen=True):
    """A file's footer."""

    struct: Struct

    @property
    def schema(self) -> Any:
        """How its columns are stored: names, types, field ids."""
        return self.struct[_SCHEMA]

    @property
    def groups(self) -> list[Struct]:
        """Its row groups."""
        found: list[Struct] = self.struct[_GROUPS][1][1]
        return found

    def value_of(self, key: bytes) -> bytes | None:
        """The value that its writer has put under a key."""
        if _KEY_VALUES not in self.struct:
            return None
        pairs = self.struct[_KEY_VALUES][1][1]
        return next((pair[2][1] for pair in pairs if pair[1] == (BINARY, key) and 2 in pair), None)


class Piece(msgspec.Struct, frozen=True):
    """Row groups of a file, by number from 0, in the order in which they are copied; None: all.

    `columns`: a file of one row group, whose columns take the place of those of the one row group.
    """

    path: Path
    groups: Sequence[int] | None = None
    columns: Path | None = None


class Sink(Protocol):
    """Where a file is written."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes, all of them."""

    def tell(self) -> int:
        """How many bytes were written."""


def read_footer(path: Path) -> Footer:
    """The footer of a file. Raises ValueError where it is damaged or encrypted."""
    with path.open("rb") as file:
        return footer_of(file)


def footer_of(file: BinaryIO) -> Footer:
    """As `read_footer`, of an opened file."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read()
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or length + _TAIL_BYTES > size:
        raise ValueError("it does not end as a Parquet file that is not encrypted")
    file.seek(size - _TAIL_BYTES - length)
    return Footer(decoded(file.read(length)))


class SplicedFile:
    """One file that row groups of others are copied into, under a footer `like` another.

    Ends with `finish`; without it what was written is no Parquet file.
    """

    def __init__(self, like: Footer, sink: Sink) -> None:
        self._like = like
        self._sink = sink
        self._groups: list[Struct] = []
        self._read: tuple[Path | None, Footer | None] = (None, None)
        sink.write(MAGIC)

    def add(self, piece: Piece) -> None:
        """Copy row groups of a file.

        Raises ValueError where its columns are stored differently, or a chunk cannot be copied.
        """
        with piece.path.open("rb") as file:
            footer = self._footer(piece, file)
            numbers = range(len(footer.groups)) if piece.groups is None else piece.groups
            if piece.columns is None:
                self._groups += [_copied(footer.groups[n], file, self._sink) for n in numbers]
                return
            (number,) = numbers
            with piece.columns.open("rb") as new:
                (group,) = footer_of(new).groups
                self._groups.append(_mixed(footer.groups[number], file, group, new, self._sink))

    def add_all(self, file: BinaryIO) -> None:
        """Copy all row groups of an opened file. Raises ValueError as `add` does."""
        footer = footer_of(file)
        if footer.schema != self._like.schema:
            raise ValueError("the columns are stored in another way")
        self._groups += [_copied(each, file, self._sink) for each in footer.groups]

    def _footer(self, piece: Piece, file: BinaryIO) -> Footer:
        """The footer of a file. That of the last file of which not all row groups were copied is kept."""
        path, footer = self._read
        if path != piece.path or footer is None:
            footer = footer_of(file)
            if footer.schema != self._like.schema:
                raise ValueError("the columns are stored in another way")
            if piece.groups is not None:
                self._read = (piece.path, footer)
        return footer

    def finish(self, *, ordinals: bool = True) -> int:
        """Write the footer; the number of rows. `ordinals`: row groups have their number in it."""
        for place, group in enumerate(self._groups[: _MOST_ORDINAL + 1] if ordinals else ()):
            group[_ORDINAL] = (I16, place)
        rows: int = sum(group[_GROUP_ROWS][1] for group in self._groups)
        type_, (elements, _) = self._like.struct[_GROUPS]
        body = encoded(
            self._like.struct | {_ROWS: (I64, rows), _GROUPS: (type_, (elements, self._groups))},
        )
        self._sink.write(body + len(body).to_bytes(4, "little") + MAGIC)
        return rows


def _copied(group: Struct, file: BinaryIO, sink: Sink) -> Struct:
    """The bytes of a row group, and what a footer says of it where it is now."""
    start = sink.tell()
    type_, (elements, chunks) = group[_COLUMNS]
    moved = [_copied_chunk(chunk, file, sink) for chunk in chunks]
    new = group | {_COLUMNS: (type_, (elements, moved)), _GROUP_OFFSET: (I64, start)}
    new.pop(_ORDINAL, None)
    return new


def _mixed(group: Struct, file: BinaryIO, other: Struct, new: BinaryIO, sink: Sink) -> Struct:
    """A row group with the columns of another one, of as many rows, in the place of its own."""
    if group[_GROUP_ROWS] != other[_GROUP_ROWS]:
        raise ValueError("the row groups have different numbers of rows")
    start = sink.tell()
    type_, (elements, chunks) = group[_COLUMNS]
    by_path = {_path(chunk): chunk for chunk in other[_COLUMNS][1][1]}
    moved: list[Struct] = []
    for chunk in chunks:
        replaced = by_path.pop(_path(chunk), None)
        if replaced is not None and replaced[_META][1][_TYPE] != chunk[_META][1][_TYPE]:
            raise ValueError("the columns are stored in another way")
        source = (chunk, file) if replaced is None else (replaced, new)
        moved.append(_copied_chunk(*source, sink))
    if by_path:
        raise ValueError("the columns are stored in another way")
    sizes = {
        field: (I64, sum(chunk[_META][1][of][1] for chunk in moved))
        for field, of in ((_GROUP_SIZE, _SIZE), (_GROUP_COMPRESSED, _COMPRESSED_SIZE))
    }
    found = group | {_COLUMNS: (type_, (elements, moved)), _GROUP_OFFSET: (I64, start)} | sizes
    for field in (_ORDINAL, _SORTING):
        found.pop(field, None)
    return found


def _path(chunk: Struct) -> tuple[bytes, ...]:
    return tuple(chunk[_META][1][_PATH_IN_SCHEMA][1][1])


def _copied_chunk(chunk: Struct, file: BinaryIO, sink: Sink) -> Struct:
    if _CHUNK_PATH in chunk or any(field in chunk for field in _ENCRYPTED_CHUNK):
        raise ValueError("a column is encrypted, or in another file")
    meta: Struct = dict(chunk[_META][1])
    data, size = meta[_DATA_PAGE][1], meta[_COMPRESSED_SIZE][1]
    dictionary = meta[_DICTIONARY_PAGE][1] if _DICTIONARY_PAGE in meta else data
    start = min(data, dictionary)
    moved = sink.tell() - start
    _copy(file, start, size, sink)
    for field in (_DATA_PAGE, _DICTIONARY_PAGE):
        if field in meta:
            meta[field] = (I64, meta[field][1] + moved)
    for field in (_INDEX_PAGE, *_BLOOM):
        meta.pop(field, None)
    new = {field: value for field, value in chunk.items() if field not in _OUTSIDE_CHUNK}
    return new | {_META: (chunk[_META][0], meta), _CHUNK_OFFSET: (I64, 0)}


def _copy(file: BinaryIO, start: int, size: int, sink: Sink) -> None:
    file.seek(start)
    while size > 0:
        piece = file.read(min(size, _PIECE_BYTES))
        if not piece:
            raise ValueError("a column's bytes end too early")
        sink.write(piece)
        size -= len(piece)
