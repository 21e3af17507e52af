"""Recognition: is this text a CSV at all? Decided by its first 4 KiB. Pure.

It refuses what certainly is something else, and a header that another delimiter would divide. It
names what would work instead, and guesses nothing: no other format or delimiter is ever used.
"""

import codecs
import re

from lakehouse.domain.errors import RefusedError
from lakehouse.formats.csv.json_prefix import is_json
from lakehouse.formats.file_formats import FILE_FORMATS
from lakehouse.formats.options import PARQUET, Options
from lakehouse.formats.refusals import malformed, refusal

HEAD_BYTES = 4096

_PACK = "compress it once, with gzip or zstd"
_UNPACK = "unpack it and send the CSV in it; a spreadsheet can export CSV"
_EXPORT = "export its tables as CSV"
_CONVERT = "convert it to CSV, NDJSON or Parquet"
_TABLE = "send a table as CSV, NDJSON or Parquet"
_BINARY = (
    (FILE_FORMATS[PARQUET].signature or b"", "a Parquet file", "use format=parquet"),
    (b"PK\x03\x04", "a ZIP archive or an Excel file (xlsx)", _UNPACK),
    (b"PK\x05\x06", "an empty ZIP archive", _UNPACK),
    (b"\x1f\x8b", "a gzip file inside a compressed file", _PACK),
    (b"\x28\xb5\x2f\xfd", "a zstd file inside a compressed file", _PACK),
    (b"BZh", "a bzip2 file", "unpack it, or compress it with gzip or zstd"),
    (b"\xfd7zXZ\x00", "an xz file", "unpack it, or compress it with gzip or zstd"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel file (xls)", "export it as CSV"),
    (b"SQLite format 3\x00", "an SQLite database", _EXPORT),
    (b"ORC", "an ORC file", _CONVERT),
    (b"Obj\x01", "an Avro file", _CONVERT),
    (b"ARROW1\x00\x00", "an Arrow file", _CONVERT),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", _CONVERT),
    (b"\x93NUMPY", "a NumPy file", _CONVERT),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", _TABLE),
    (b"\xff\xd8\xff", "a JPEG image", _TABLE),
)
_DOWNLOAD = "check the address that it was downloaded from"
_MARKUP = (
    (b"<!doctype", "an HTML page", _DOWNLOAD),
    (b"<html", "an HTML page", _DOWNLOAD),
    (b"<!--", "an HTML page", _DOWNLOAD),
    (b"<?xml", "an XML document", _CONVERT),
    (b"{\\rtf", "an RTF document", _EXPORT),
)
_PAGE = re.compile(rb"<(head|body)(\s[^<>]*)?>(?!\s*[,;\t|])", re.IGNORECASE)
"""The beginning of a page; a delimiter behind it would make it the name of a column."""
_ELEMENT = re.compile(
    rb"<(title|meta|link|script|style|div|p|h[1-6]|table|center|pre|svg)(\s[^<>]+>|[^<>]*>.*</\1>)",
    re.IGNORECASE | re.DOTALL,
)
"""An element with attributes, or with its end: a part of a page."""
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UTF_16_UNITS = (
    (re.compile(rb"(?:[\t\n\r -~]\x00){3,}"), "utf-16-le"),
    (re.compile(rb"(?:\x00[\t\n\r -~]){3,}"), "utf-16-be"),
)
"""How ASCII characters begin in UTF-16 without a byte order mark."""
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_FEWEST_CONTROLS, _SHARE_OF_CONTROLS = 4, 0.1
"""In the first line of binary data."""
_EXCEL_DELIMITER = re.compile(rb"\s*\"?sep=[,;|:\t]\"?[\r\n]", re.IGNORECASE)
"""The line before the header by which Excel knows the delimiter."""
_PDF = b"%PDF-"
_TEXT = re.compile(rb"[^\x00-\x08\x0b\x0c\x0e-\x1f]*")
_DELIMITERS = ((";", ";", "%3B"), ("\t", "TAB", "%09"), ("|", "|", "%7C"))
_QUOTED = re.compile(rb'"[^"]*"')


def refuse_other_files(head: bytes, options: Options, *, whole: bool) -> None:
    """Raise RefusedError for a text that begins with `head` and is no CSV.

    `head` is UTF-8 without BOM, of up to `HEAD_BYTES`; `whole` says that it is all of the text.
    The codes are `unsupported_media_type`, `delimiter_suspected`, and `malformed_csv` for UTF-16
    that is read as UTF-8, a second byte order mark and a line that only Excel reads.
    """
    _refuse_signatures(head)
    if options.encoding == "utf-8":
        _refuse_utf_16(head)
    if head.startswith(codecs.BOM_UTF8):
        raise malformed(1, "two byte order marks; remove one")
    if _EXCEL_DELIMITER.match(head):
        raise malformed(1, "a line that tells Excel the delimiter; remove it")
    _refuse_binary(head)
    start = head.lstrip()
    _refuse_markup(start)
    if is_json(start.decode(errors="replace"), whole=whole):
        remedy = "use format=ndjson"
        if start.startswith(b"["):
            remedy = "send one object per line with format=ndjson (jq -c '.[]' FILE converts it)"
        raise _unsupported("JSON", remedy)
    if not options.delimiter_given:
        _refuse_other_delimiter(head, options.delimiter, whole=whole)


def _refuse_utf_16(head: bytes) -> None:
    if head.startswith(_UTF_16):
        raise malformed(1, "the file begins as UTF-16 does; use encoding=utf-16")
    for units, encoding in _UTF_16_UNITS:
        if units.match(head):
            detail = (
                f"the file looks like UTF-16 without a byte order mark; use encoding={encoding}"
            )
            raise malformed(1, detail)


def _refuse_markup(start: bytes) -> None:
    lower = start[:16].lower()
    for mark, what, remedy in _MARKUP:
        if lower.startswith(mark):
            raise _unsupported(what, remedy)
    if _PAGE.match(start) or _ELEMENT.match(start):
        raise _unsupported("a part of an HTML page", _DOWNLOAD)


def _refuse_binary(head: bytes) -> None:
    # Control characters may stand in values, but not in a header.
    line = head.replace(b"\r", b"\n").partition(b"\n")[0]
    count = len(_CONTROL.findall(line)) if b"\x00" in line else 0
    if count >= max(_FEWEST_CONTROLS, _SHARE_OF_CONTROLS * len(line)):
        raise _unsupported("binary data", _CONVERT)


def _refuse_signatures(head: bytes) -> None:
    # A header may begin with the letters PAR1, but it has no control characters.
    is_text = _TEXT.fullmatch(head) is not None
    for mark, what, remedy in _BINARY:
        if mark and head.startswith(mark) and not is_text:
            raise _unsupported(what, remedy)
    if head.startswith(_PDF):
        raise _unsupported("a PDF document", _EXPORT)


def _refuse_other_delimiter(head: bytes, delimiter: str, *, whole: bool) -> None:
    lines = [_QUOTED.sub(b"", line) for line in _lines(head, whole=whole)]
    if not lines or delimiter.encode() in lines[0]:
        return
    for character, name, escaped in _DELIMITERS:
        counts = {line.count(character.encode()) for line in lines}
        if character != delimiter and len(counts) == 1 and counts.pop() > 0:
            detail = (
                f"the header is one column, and every line has the same number of '{name}'; use the "
                f"delimiter {name} ({escaped} in a URL), or name {delimiter} if it is one column"
            )
            raise refusal("delimiter_suspected", detail)


def _lines(head: bytes, *, whole: bool) -> list[bytes]:
    """The lines that are not empty; of a longer text without the last, which may be cut off."""
    lines = head.replace(b"\r", b"\n").split(b"\n")
    complete = lines if whole else lines[:-1]
    return [line for line in complete or lines if line]


def _unsupported(what: str, remedy: str) -> RefusedError:
    return refusal("unsupported_media_type", f"the file is no CSV: it looks like {what}; {remedy}")
