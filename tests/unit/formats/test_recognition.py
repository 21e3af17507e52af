"""What is no CSV is refused with what it looks like; what only resembles something else is read."""

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingest_files import by_duckdb, parsed, refused, types_of


def _parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}), sink)
    return sink.getvalue().to_pybytes()


def _xlsx() -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return memory.getvalue()


LONG = b'[{"a": 1, "text": "' + b"x" * 6000 + b'"}]'
MANY = b"[" + b",\n".join(b'{"id": %d, "name": "row"}' % n for n in range(500)) + b"]"
OTHERS = {
    "parquet": (_parquet(), "Parquet", "format=parquet"),
    "xlsx": (_xlsx(), "xlsx", "CSV"),
    "gzip twice": (gzip.compress(gzip.compress(b"a\n1\n")), "gzip", "once"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "PDF", "CSV"),
    "html": (b"\n  <!DOCTYPE html><html><body>404</body></html>", "HTML", "address"),
    "html without doctype": (b"<HTML>\n<p>a,b</p>", "HTML", "address"),
    "html after a comment": (b"<!-- saved from a,b -->\n<html></html>", "HTML", "address"),
    "old excel": (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "xls", "CSV"),
    "bzip2": (bz2.compress(b"a,b\n1,2\n"), "bzip2", "gzip"),
    "xz": (lzma.compress(b"a,b\n1,2\n"), "xz", "gzip"),
    "sqlite": (b"SQLite format 3\x00" + bytes(100), "SQLite", "CSV"),
    "orc": (b"ORC\n\x03" + bytes(30), "ORC", "Parquet"),
    "avro": (b"Obj\x01\x04\x14avro.codec\x08null", "Avro", "Parquet"),
    "arrow": (b"ARROW1\x00\x00" + bytes(100), "Arrow", "Parquet"),
    "head of a page": (b"<head><title>404</title></head>\n", "HTML", "address"),
    "body of a page": (b" \n<BODY class='x'>\n<p>a,b</p>\n", "HTML", "address"),
    "title": (b"<title>Error 500</title>\n<p>a</p>", "HTML", "address"),
    "element with attributes": (b'<meta charset="utf-8">\na,b\n', "HTML", "address"),
    "rtf": (b"{\\rtf1\\ansi\\deff0 a,b\\par}\n", "RTF", "CSV"),
    "nothing but NUL": (bytes(300), "binary", "convert"),
    "a program": (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00>\x00\n\x01,", "binary", "convert"),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "PNG", "table"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", "7z", "unpack"),
    "xml": (b"<?xml version='1.0'?>\n<rows/>", "XML", "convert"),
    "array of objects": (b'[{"a": 1}, {"a": 2}]\n', "JSON", "format=ndjson"),
    "array of arrays": (b"[[1, 2], [3, 4]]", "JSON", "format=ndjson"),
    "array on lines": (b'[\n  {"a": 1},\n  {"a": 2}\n]\n', "JSON", "format=ndjson"),
    "object": (b'{"error": "not found", "code": 404}', "JSON", "format=ndjson"),
    "ndjson": (b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n', "JSON", "format=ndjson"),
    "empty members": (b'{"rows": [], "next": null, "more": {}}', "JSON", "format=ndjson"),
    "json with a BOM": (b'\xef\xbb\xbf[{"a": 1}]', "JSON", "format=ndjson"),
    "json beyond 4 KiB": (LONG, "JSON", "format=ndjson"),
    "many objects": (MANY, "JSON", "format=ndjson"),
}
COUSINS = {
    "header in brackets": b"[id],[name]\n1,x\n",
    "header in angles": b"<TICKER>,<DATE>\nA,2024-01-01\n",
    "header in braces": b"{id},{name}\n1,x\n",
    "numbers in brackets": b"[1],[2]\n3,4\n",
    "json in cells": b'id,doc\n1,"{""a"": 1}"\n',
    "one bracket": b"[\n1\n",
    "empty array": b"[]\n1\n2\n",
    "letters of parquet": b"PAR1,PAR2\n1,2\n",
    "letters of zip": b"PK,name\n1,x\n",
    "letters of orc": b"ORC,Obj\n1,2\n",
    "letters of bzip2": b"BZh,b\n1,2\n",
    "a column of separators": b"sep=,b\n1,2\n",
    "tags of a page as names": b"<head>,<body>\n1,2\n",
    "an element's tag as a name": b"<title>\nA book\n",
    "a paragraph's tag as a name": b"<p>,<q>\n1,2\n",
    "NUL in a value": b"a,b\nx\x00y,1\n",
    "tag that is not html": b"<htm>,b\n1,2\n",
    "markup in a cell": b"a\n<html>\n",
    "quoted json": b'"{""a"": 1}",b\n1,2\n',
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("on_error", ["reject", "quarantine"])
def test_what_is_no_csv_is_refused_with_what_it_looks_like(
    name: str, on_error: str, tmp_path: Path
) -> None:
    data, what, remedy = OTHERS[name]
    answer = refused(data, tmp_path, on_error=on_error)
    assert answer.code == "unsupported_media_type"
    assert what in answer.detail
    assert remedy in answer.detail


@pytest.mark.parametrize("name", COUSINS)
def test_what_only_resembles_something_else_is_read(name: str, tmp_path: Path) -> None:
    assert parsed(COUSINS[name], tmp_path).row_count >= 1


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_with_the_encoding_that_reads_it(encoding: str, tmp_path: Path) -> None:
    data = "\ufeffid,name\n1,é\n".encode(encoding)
    answer = refused(data, tmp_path)
    assert answer.code == "malformed_csv"
    assert "use encoding=utf-16" in answer.detail
    assert parsed(data, tmp_path, encoding="utf-16").row_count == 1


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_refused_with_the_encoding_that_reads_it(
    encoding: str, tmp_path: Path
) -> None:
    data = "id,name\n1,é\n".encode(encoding)
    answer = refused(data, tmp_path)
    assert (answer.code, answer.detail.endswith(f"use encoding={encoding}")) == (
        "malformed_csv",
        True,
    )
    assert parsed(data, tmp_path, encoding=encoding).row_count == 1


def test_a_second_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    answer = refused(b"\xef\xbb\xbf\xef\xbb\xbfid,name\n1,x\n", tmp_path)
    assert answer.code == "malformed_csv"
    assert answer.detail == "line 1: two byte order marks; remove one"


@pytest.mark.parametrize("line", [b"sep=,\n", b"sep=;\r\n", b'"sep=;"\r\n', b"SEP=\t\n"])
def test_the_line_by_which_excel_knows_the_delimiter_is_refused(
    line: bytes, tmp_path: Path
) -> None:
    for given in ({}, {"delimiter": ";"}):
        answer = refused(line + b"a;b,c\n1;2,3\n", tmp_path, **given)
        assert answer.code == "malformed_csv"
        assert "Excel" in answer.detail


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"a;b\n1;2\n", "delimiter ; (%3B in a URL)"),
        (b"a\tb\tc\n1\t2\t3\n\n4\t5\t6", "delimiter TAB (%09 in a URL)"),
        (b"a|b\r\n1|2\r\n", "delimiter | (%7C in a URL)"),
        (b"price;note\n1,5;x\n2,5;y\n", "delimiter ;"),
        (b'"a";"b;c"\n"1";"2"\n', "delimiter ;"),
        (b"a;b\n", "delimiter ;"),
        (b"a;b\n" + b"1;2\n" * 2000 + b"x\n", "delimiter ;"),
    ],
)
def test_a_header_of_one_column_that_another_delimiter_divides(
    data: bytes, named: str, tmp_path: Path
) -> None:
    answer = refused(data, tmp_path)
    assert answer.code == "delimiter_suspected"
    assert named in answer.detail


@pytest.mark.parametrize(
    "data",
    [
        b"a;b\n1\n2;3\n",
        b"a,b;c\n1,2;3\n",
        b"note\nx;y\n",
        b'"a;b"\n"1;2"\n',
        b"a;b\n1;2\n3;4;5\n",
        b"name\nx\n",
    ],
)
def test_a_header_that_may_be_one_column_is_one(data: bytes, tmp_path: Path) -> None:
    parsed(data, tmp_path)


def test_a_delimiter_that_is_named_is_not_questioned(tmp_path: Path) -> None:
    result = parsed(b"a;b\n1;2\n", tmp_path, delimiter_given=True)
    assert (types_of(result), by_duckdb(result)) == ({"a;b": "string"}, [("1;2",)])
    assert types_of(parsed(b"a;b\n1;2\n", tmp_path, delimiter=";")) == {"a": "int64", "b": "int64"}
