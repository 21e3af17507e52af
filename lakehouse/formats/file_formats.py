"""The file formats that ingest reads: one row each. All that depends on the format is asked here.

Adding a format means one module with a `Reader` named `read`, one with `RowPositions` named
`positions`, and one row. Pure: no row's module is imported before a file of that format is read.
"""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from lakehouse.formats.options import CSV, NDJSON, PARQUET, Options

if TYPE_CHECKING:
    from lakehouse.formats.reader import Reader, RowPositions

# A zstd file may begin with a skippable frame, as those of pzstd do.
_SKIPPABLE = tuple(bytes([low, 0x2A, 0x4D, 0x18]) for low in range(0x50, 0x60))
_MAGIC = {"gzip": (b"\x1f\x8b",), "zstd": (b"\x28\xb5\x2f\xfd", *_SKIPPABLE)}
_COMPRESSED_SUFFIXES = (".gz", ".gzip", ".zst", ".zstd")
TSV_TYPE = "text/tab-separated-values"
"""The media type of a CSV file whose fields are separated by tabs."""
_ANY_FILE = frozenset({"missing", "min_rows"})
_TEXT_OPTIONS = frozenset({"delimiter", "encoding", "header", "null"})


class FileFormat(msgspec.Struct, frozen=True, kw_only=True):
    """One format. `signature` are the bytes that each of its files begins with, if any."""

    name: str
    media_types: tuple[str, ...]
    extensions: tuple[str, ...]
    signature: bytes | None = None
    options: frozenset[str]
    """The options, beside `format`, that have a meaning for its files."""
    malformed_code: str
    """The error code for a file that is damaged."""
    module: str
    """Its reader is the function `read` of this module."""
    rows_module: str
    """The function `positions` of this module says where in a file its rows are."""
    position: str = "line"
    """What a row's position is called."""

    def reader(self) -> "Reader":
        """The function that reads its files."""
        read: Reader = importlib.import_module(self.module).read
        return read

    def positions(self) -> "RowPositions":
        """The function that says where in one of its files rows are."""
        positions: RowPositions = importlib.import_module(self.rows_module).positions
        return positions

    def unusable_option(self, options: Options) -> str | None:
        """The first option given that has no meaning for this format; None where all have."""
        given = (name for name, _ in options.canonical() if name != "format")
        return next((name for name in given if name not in self.options), None)


FILE_FORMATS: Mapping[str, FileFormat] = MappingProxyType(
    {
        CSV: FileFormat(
            name=CSV,
            media_types=("text/csv", "application/csv", TSV_TYPE),
            extensions=(".csv", ".tsv", ".txt"),
            options=_ANY_FILE | _TEXT_OPTIONS | {"types", "on_error"},
            malformed_code="malformed_csv",
            module="lakehouse.formats.csv.reader",
            rows_module="lakehouse.formats.csv.row_lines",
        ),
        NDJSON: FileFormat(
            name=NDJSON,
            media_types=("application/x-ndjson", "application/ndjson", "application/jsonl"),
            extensions=(".ndjson", ".jsonl"),
            options=_ANY_FILE | {"types", "on_error"},
            malformed_code="malformed_ndjson",
            module="lakehouse.formats.ndjson.reader",
            rows_module="lakehouse.formats.ndjson.row_lines",
        ),
        PARQUET: FileFormat(
            name=PARQUET,
            media_types=("application/vnd.apache.parquet", "application/x-parquet"),
            extensions=(".parquet", ".pq"),
            signature=b"PAR1",
            options=_ANY_FILE,
            malformed_code="malformed_parquet",
            module="lakehouse.formats.parquet.reader",
            rows_module="lakehouse.formats.parquet.row_numbers",
            position="row",
        ),
    }
)


def format_of_media_type(media_type: str) -> str | None:
    """The format that a media type, in lower case and without parameters, names; else None."""
    return next(
        (each.name for each in FILE_FORMATS.values() if media_type in each.media_types), None
    )


def format_of_file_name(file_name: str) -> str | None:
    """The format that a file's extension names; None where it names none."""
    name = without_compression_suffix(file_name).lower()
    found = (each.name for each in FILE_FORMATS.values() if name.endswith(each.extensions))
    return next(found, None)


def compression_of(head: bytes) -> str | None:
    """How a file that begins so is compressed, `gzip` or `zstd`; None where it is not."""
    return next((name for name, marks in _MAGIC.items() if head.startswith(marks)), None)


def without_compression_suffix(file_name: str) -> str:
    """The name of the file before it was compressed."""
    lower = file_name.lower()
    suffix = next((each for each in _COMPRESSED_SUFFIXES if lower.endswith(each)), "")
    return file_name[: len(file_name) - len(suffix)]
