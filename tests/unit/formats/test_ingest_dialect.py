"""The dialect: what every sequence of bytes is read as, and where a malformed one is at fault."""

from pathlib import Path

import pytest
from ingest_files import by_duckdb, by_pyarrow, parsed, refused

from lakehouse.formats.limits import IngestLimits

TEXT = (("a", "string"), ("b", "string"))

TURNED = "a character that changes the direction of text"

MALFORMED = [
    (b"a,b\n1,2\n3\n", 3, "1 field where there are 2 columns"),
    (b"a,b\n1,2\n3,4,5\n", 3, "3 fields where there are 2 columns"),
    (b'a,b\n"x\ny",2\n3\n', 4, "1 field where there are 2 columns"),
    (b"a,b\r\n1,2\r\n\r\n3\r\n", 4, "1 field where there are 2 columns"),
    (b"a,b\r1,2\r3\r", 3, "1 field where there are 2 columns"),
    (b'a,b\n1,2\n"3,4\n5,6\n', 3, "a quoted field that is never closed"),
    (b'a,b\n1,"2"x\n', 2, "text after a closing quote"),
    (b'a,b\n1,"2\n3" \n', 3, "text after a closing quote"),
    (b"a,b\n1,2\n\xff,4\n", 3, "bytes that are not utf-8"),
    (b'a,b\n"\n\n\xc3(",4\n', 4, "bytes that are not utf-8"),
    (b"a,b\n1,2\n3,\xe6\x9d", 3, "bytes that are not utf-8"),
    (b"a,b\n1,\xed\xa0\x80\n", 2, "bytes that are not utf-8"),
    (b"\xff\xfea\x00\n\x00", 1, "the file begins as UTF-16 does; use encoding=utf-16"),
    (b'"a', 1, "a quoted field that is never closed"),
    (b'\n\n"a"b\n', 3, "text after a closing quote"),
    (b'"a\nb",c\n1,2\n', 1, "a control character in the name of column 1"),
    (b"a,b\x7f\n1,2\n", 1, "a control character in the name of column 2"),
    (b"a,b\xc2\x85\n1,2\n", 1, "a control character in the name of column 2"),
    (b"a\x00,b\n", 1, "a control character in the name of column 1"),
    ("a,b\u202e\n".encode(), 1, f"{TURNED} in the name of column 2"),
    ("\u2066a,b\n1,2\n".encode(), 1, f"{TURNED} in the name of column 1"),
    (b"a,b\n   \n", 2, "1 field where there are 2 columns"),
    (b"a\n1,2\n", 2, "2 fields where there is 1 column"),
]


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
@pytest.mark.parametrize(("data", "line", "reason"), MALFORMED)
def test_malformed_names_line_and_reason(
    data: bytes, line: int, reason: str, block: int, tmp_path: Path
) -> None:
    answer = refused(data, tmp_path, limits=IngestLimits(block_bytes=block))
    assert answer.code == "malformed_csv"
    assert answer.errors == ({"line": line, "reason": reason},)
    assert answer.detail == f"line {line}: {reason}"


def test_first_of_several_faults_is_named(tmp_path: Path) -> None:
    answer = refused(b'a,b\n1,2\n3\n\xff,1\n"', tmp_path)
    assert answer.errors[0]["line"] == 3


def test_line_is_the_files_far_down(tmp_path: Path) -> None:
    rows = b'"x\ny",2\n' * 40_000
    answer = refused(b"a,b\n" + rows + b"1\n", tmp_path, limits=IngestLimits(block_bytes=50_000))
    assert answer.errors[0]["line"] == 80_002


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"\r"]
)
@pytest.mark.parametrize("header", [True, False])
def test_no_record_is_empty_csv(data: bytes, header: bool, tmp_path: Path) -> None:
    assert refused(data, tmp_path, header=header).code == "empty_csv"


@pytest.mark.parametrize("data", [b"a,b", b"a,b\n", b"\n\na,b\r\n\r\n", b"\xef\xbb\xbfa,b\n"])
def test_header_alone_is_no_rows_of_text(data: bytes, tmp_path: Path) -> None:
    result = parsed(data, tmp_path)
    assert [(column.name, column.type) for column in result.columns] == [*TEXT]
    assert (result.row_count, by_duckdb(result), len(result.files)) == (0, [], 1)


def test_quotes_inside_an_unquoted_field_stand_as_they_are(tmp_path: Path) -> None:
    result = parsed(b'a,b\n6" pipe,x"y"\n "q",\n', tmp_path)
    assert by_pyarrow(result) == [('6" pipe', 'x"y"'), (' "q"', None)]


def test_null_tokens_are_for_unquoted_fields_alone(tmp_path: Path) -> None:
    result = parsed(b'a,b\nNA,"NA"\n-, NA\n,""\n', tmp_path, null_tokens=("-", "NA"))
    assert by_pyarrow(result) == [(None, "NA"), (None, " NA"), (None, "")]


def test_quoted_empty_makes_a_column_text_and_unquoted_does_not(tmp_path: Path) -> None:
    result = parsed(b'a,b\n1,1\n,""\n', tmp_path)
    assert [column.type for column in result.columns] == ["int64", "string"]
    assert by_duckdb(result) == [(1, "1"), (None, "")]


def test_quoted_numbers_are_numbers(tmp_path: Path) -> None:
    assert by_duckdb(parsed(b'a\n"1"\n2\n', tmp_path)) == [(1,), (2,)]


def test_one_column_skips_empty_lines_and_keeps_quoted_empties(tmp_path: Path) -> None:
    assert by_pyarrow(parsed(b'a\n\nx\n""\n\n', tmp_path)) == [("x",), ("",)]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("latin-1", "naïve;ÿþ"),
        ("cp1252", "€ – ’"),
        ("utf-16", "東京 ☃"),
        ("utf-16-le", "\ufeff東京"),
        ("shift_jis", "東京"),
        ("iso2022_jp", "東京abc"),
        ("utf-8-sig", "é"),
    ],
)
@pytest.mark.parametrize("block", [1, 3, 1000])
def test_other_encodings_are_read(encoding: str, text: str, block: int, tmp_path: Path) -> None:
    data = f"a,b\n{text},1\n".encode(encoding)
    limits = IngestLimits(block_bytes=block)
    if encoding == "utf-8-sig":
        encoding = "utf-8"
    assert by_pyarrow(parsed(data, tmp_path, encoding=encoding, limits=limits)) == [(text, 1)]


@pytest.mark.parametrize(
    ("encoding", "data", "line"),
    [
        ("ascii", b"a,b\n1,2\n3,\xe9\n", 3),
        ("shift_jis", "a,b\n東,京\n1,".encode("shift_jis") + b"\x81\xff\n", 3),
        ("utf-16-le", "a,b\n1,2\n3,".encode("utf-16-le") + b"\x00\xdc\n\x00", 3),
        ("utf-16-le", "a,b\n1,2\n3,4".encode("utf-16-le") + b"\x00", 3),
        ("utf-7", b"a,b\n1,+2AA-\n", 2),
    ],
)
@pytest.mark.parametrize("block", [1, 4, 1000])
def test_undecodable_bytes_are_found_at_their_line(
    encoding: str, data: bytes, line: int, block: int, tmp_path: Path
) -> None:
    limits = IngestLimits(block_bytes=block)
    answer = refused(data, tmp_path, encoding=encoding, limits=limits)
    assert answer.errors == ({"line": line, "reason": f"bytes that are not {encoding}"},)


def test_record_beyond_the_limit_is_refused_without_reading_on(tmp_path: Path) -> None:
    limits = IngestLimits(block_bytes=64, record_bytes=1000)
    answer = refused(b'a,b\n1,2\n"' + b"x\n" * 5000, tmp_path, limits=limits)
    assert answer.code == "malformed_csv"
    assert answer.errors[0]["line"] == 3
    assert "more than 1000 bytes" in answer.detail


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    answer = refused(b"a,b,c,d\n", tmp_path, limits=IngestLimits(columns=3))
    assert answer.detail == "line 1: more than 3 fields"
