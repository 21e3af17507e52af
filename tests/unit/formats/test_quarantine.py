"""Quarantine: which rows are kept, which are not and why, and that every byte is in one or the other."""

from pathlib import Path

import pytest
from ingest_files import (
    by_duckdb,
    quarantined,
    quarantining,
    refused,
    types_of,
)

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.schema import Column, Contract, SchemaPolicy

CASES = [
    (b"a,b\n1,2\n3\n4,5\n", [(1, 2), (4, 5)], [(3, "1 field where there are 2 columns", b"3")]),
    (b"a,b\n1,2,3\r\n4,5\r\n", [(4, 5)], [(2, "3 fields where there are 2 columns", b"1,2,3")]),
    (b"a,b\n\xff,2\n4,5\n", [(4, 5)], [(2, "bytes that are not utf-8", b"\xff,2")]),
    (b'a,b\n1,"2\n3,4\n', [(3, 4)], [(2, "a quoted field that is never closed", b'1,"2')]),
    (b'a,b\n1,"2"x\n3,4\n', [(3, 4)], [(2, "text after a closing quote", b'1,"2"x')]),
    (
        b'a,b\n1,"x\ny"z\n\n3,4\n5\n',
        [(3, 4)],
        [
            (2, "text after a closing quote", b'1,"x\ny"z'),
            (6, "1 field where there are 2 columns", b"5"),
        ],
    ),
    (b'a,b\n"\n\n",2\n3\n', [("\n\n", 2)], [(5, "1 field where there are 2 columns", b"3")]),
    (b"a,b\r1,2\r3\r4,5\r", [(1, 2), (4, 5)], [(3, "1 field where there are 2 columns", b"3")]),
    (b"a,b\n1,2\n", [(1, 2)], []),
    (b'a\n"', [], [(2, "a quoted field that is never closed", b'"')]),
]


@pytest.mark.parametrize("block", [1, 7, 10_000])
@pytest.mark.parametrize(("data", "rows", "bad"), CASES)
def test_records_that_cannot_be_read_are_set_aside(
    data: bytes, rows: list[tuple[object]], bad: list[tuple[int, str, bytes]], block: int,
    tmp_path: Path,
) -> None:  # fmt: skip
    result = quarantining(data, tmp_path, limits=IngestLimits(block_bytes=block))
    assert by_duckdb(result) == rows
    assert quarantined(result) == [(line, None, reason, raw) for line, reason, raw in bad]
    assert result.row_count == len(rows)


def test_types_are_those_of_the_rows_that_stay(tmp_path: Path) -> None:
    assert types_of(quarantining(b"a,b\n1,2\nx\ny,z,\n", tmp_path)) == {"a": "int64", "b": "int64"}


@pytest.mark.parametrize("block", [1, 9, 10_000])
def test_rows_that_break_the_contract_are_set_aside(block: int, tmp_path: Path) -> None:
    contract = Contract((Column("a", "int64"), Column("b", "bool")))
    data = b"a,b\n1,true\nx,no\n,\n2,no\n\n3,TRUE\n"
    result = quarantining(data, tmp_path, contract=contract, limits=IngestLimits(block_bytes=block))
    assert (result.columns, result.differences) == (contract.columns, ())
    assert by_duckdb(result) == [(1, True), (None, None), (3, True)]
    assert quarantined(result) == [
        (3, "a", "'x' does not fit int64", b"x,no"),
        (5, "b", "'no' does not fit bool", b"2,no"),
    ]


def test_types_that_are_asked_for_set_aside_what_does_not_fit(tmp_path: Path) -> None:
    result = quarantining(b"a,b\n1,1\n2,x\n", tmp_path, types=(("b", "int64"),))
    assert quarantined(result) == [(3, "b", "'x' does not fit int64", b"2,x")]


def test_a_contract_that_is_to_be_given_up_sets_nothing_aside(tmp_path: Path) -> None:
    contract = Contract((Column("a", "int64"),), policy=SchemaPolicy.REPLACE)
    result = quarantining(b"a\n1\nx\n", tmp_path, contract=contract)
    assert (types_of(result), quarantined(result)) == ({"a": "string"}, [])
    assert [each.line for each in result.differences] == [3]


def test_another_header_is_no_row_s_fault(tmp_path: Path) -> None:
    contract = Contract((Column("a", "int64"),))
    result = quarantining(b"b\nx\n", tmp_path, contract=contract)
    assert (quarantined(result), [each.name for each in result.differences]) == ([], ["a", "b"])


def test_a_file_may_have_no_good_row_at_all(tmp_path: Path) -> None:
    result = quarantining(b"a,b\n1\n2\n", tmp_path)
    assert (result.row_count, by_duckdb(result), len(quarantined(result))) == (0, [], 2)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"a\x01\n1\n", b'"a\n1\n', b"\xff\n1\n"])
def test_a_header_cannot_be_set_aside(data: bytes, tmp_path: Path) -> None:
    assert refused(data, tmp_path, on_error="quarantine").code in ("empty_csv", "malformed_csv")


def test_without_a_written_header_the_first_record_counts_the_columns(tmp_path: Path) -> None:
    result = quarantining(b"\n1,2\n3\n", tmp_path, header=False)
    assert (by_duckdb(result), quarantined(result)[0][0]) == ([(1, 2)], 3)


def test_a_mark_of_byte_order_is_taken_off_once(tmp_path: Path) -> None:
    result = quarantining(b"\xef\xbb\xbf\n\xef\xbb\xbfa,b\n1,2\n3\n", tmp_path)
    assert types_of(result) == {"\ufeffa": "int64", "b": "int64"}


def test_raw_bytes_are_the_file_s_own_in_other_encodings(tmp_path: Path) -> None:
    data = "größe;b\nä;1\n".encode("cp1252") + "ü;1;2\n\x81;3\n".encode("latin-1")
    result = quarantining(data, tmp_path, encoding="cp1252", delimiter=";")
    assert by_duckdb(result) == [("ä", 1)]
    assert [row[2:] for row in quarantined(result)] == [
        ("3 fields where there are 2 columns", b"\xfc;1;2"),
        ("bytes that are not cp1252", b"\x81;3"),
    ]


def test_one_line_without_an_end_refuses_the_file(tmp_path: Path) -> None:
    limits = IngestLimits(record_bytes=1000, block_bytes=100)
    data = b"a\n1\n" + b"x" * 5000 + b"\n2\n"
    assert refused(data, tmp_path, limits=limits, on_error="quarantine").code == "malformed_csv"


def test_a_quote_left_open_costs_one_line_of_a_long_file(tmp_path: Path) -> None:
    limits = IngestLimits(record_bytes=1000, block_bytes=100)
    data = b'a\n1\n"open\n' + b"2\n" * 5000
    result = quarantining(data, tmp_path, limits=limits)
    assert (result.row_count, [row[0] for row in quarantined(result)]) == (5001, [3])
