"""A dataset that exists is a contract; types given in the request win over all else."""

from pathlib import Path

import pytest
from ingest_files import by_duckdb, parsed, refused, types_of

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.schema import (
    Column,
    ColumnProblem,
    Contract,
    Rounded,
    SchemaPolicy,
    fingerprint,
)


def _contract(**types: str) -> Contract:
    return Contract(tuple(Column(name, type_) for name, type_ in types.items()))


ZONED = "timestamp[us, tz=UTC]"


def test_fingerprint_is_the_contracts() -> None:
    columns = (Column("id", "int64"), Column("at", ZONED))
    # From: printf 'id\x1fint64\x1eat\x1ftimestamp[us, tz=UTC]\x1e' | sha256sum
    assert (
        fingerprint(columns) == "e999e139db962f1126895b21d538ce876d6b6a0c72076df5261350ca9f99b0e6"
    )


@pytest.mark.parametrize(
    ("type_", "cells", "values"),
    [
        ("double", b"1\n2\n", [1.0, 2.0]),
        ("string", b"1\n2\n", ["1", "2"]),
        ("string", b"true\n\n", ["true"]),
        ("int64", b"1\n", [1]),
        ("date32[day]", b"", []),
        ("bool", b"TRUE\n", [True]),
    ],
)
def test_file_that_fits_is_read_with_the_contracts_types(
    type_: str, cells: bytes, values: list[object], tmp_path: Path
) -> None:
    contract = _contract(a=type_)
    result = parsed(b"a\n" + cells, tmp_path, contract=contract)
    assert result.columns == contract.columns
    assert result.fingerprint == fingerprint(contract.columns)
    assert result.differences == ()
    assert by_duckdb(result) == [(value,) for value in values]


def test_column_without_values_fits_any_type(tmp_path: Path) -> None:
    contract = _contract(a="int64", b="bool")
    assert parsed(b"a,b\n1,\n", tmp_path, contract=contract).columns == contract.columns


@pytest.mark.parametrize("block", [1, 11, 10_000])
def test_columns_that_do_not_fit_are_inferred_and_say_where(block: int, tmp_path: Path) -> None:
    contract = _contract(a="int64", b="double", c="string")
    data = b'a,b,c\n1,1,"x\ny"\n2,2,z\n1.5,3,z\nq,4,z\n'
    result = parsed(data, tmp_path, contract=contract, limits=IngestLimits(block_bytes=block))
    assert types_of(result) == {"a": "string", "b": "double", "c": "string"}
    assert result.differences == (ColumnProblem("a", "type", "int64", "string", line=5),)


def test_file_that_does_not_fit_what_may_be_given_up_is_inferred_as_a_whole(
    tmp_path: Path,
) -> None:
    contract = Contract(_contract(a="int64", b="double").columns, SchemaPolicy.REPLACE)
    result = parsed(b"a,b\nq,1\n", tmp_path, contract=contract)
    assert types_of(result) == {"a": "string", "b": "int64"}


def test_another_header_is_compared_by_name(tmp_path: Path) -> None:
    result = parsed(b"a,c\n1,2\n", tmp_path, contract=_contract(a="double", b="bool"))
    assert types_of(result) == {"a": "double", "c": "int64"}
    assert result.differences == (
        ColumnProblem("b", "missing", was="bool"),
        ColumnProblem("c", "added", is_="int64"),
    )


def test_columns_in_another_order_fit_and_keep_the_contracts_order(tmp_path: Path) -> None:
    contract = _contract(a="int64", b="string")
    result = parsed(b"b,a\nx,2\ny,3\n", tmp_path, contract=contract)
    assert (result.columns, result.differences) == (contract.columns, ())
    assert by_duckdb(result) == [(2, "x"), (3, "y")]


@pytest.mark.parametrize("block", [1, 10_000])
def test_a_type_is_never_judged_against_a_neighbours_column(block: int, tmp_path: Path) -> None:
    contract = _contract(id="int64", name="string", amount="double")
    data = b"name,extra,amount\nx,7,1.5\ny,8,2.5\n"
    result = parsed(data, tmp_path, contract=contract, limits=IngestLimits(block_bytes=block))
    assert result.differences == (
        ColumnProblem("id", "missing", was="int64"),
        ColumnProblem("extra", "added", is_="int64"),
    )


def test_missing_columns_are_null_where_that_is_asked_for(tmp_path: Path) -> None:
    contract = _contract(id="int64", name="string", day="date32[day]")
    result = parsed(b"name\nx\n", tmp_path, contract=contract, missing_as_null=True)
    assert (result.columns, result.differences) == (contract.columns, ())
    assert by_duckdb(result) == [(None, "x", None)]


def test_widening_puts_added_columns_at_the_end_wherever_they_stand(tmp_path: Path) -> None:
    contract = Contract(_contract(a="int64", b="string").columns, SchemaPolicy.WIDEN)
    result = parsed(b"new,b,a\n1,x,2\n", tmp_path, contract=contract)
    assert result.columns == (*contract.columns, Column("new", "int64"))
    assert by_duckdb(result) == [(2, "x", 1)]


@pytest.mark.parametrize(
    ("type_", "cells", "fits"),
    [
        ("int32", "2147483647,-2147483648,", True),
        ("int32", "2147483648", False),
        ("uint8", "0,255", True),
        ("uint8", "-1", False),
        ("uint8", "007", False),
        ("uint64", "18446744073709551615,0", True),
        ("uint64", "18446744073709551616", False),
        ("float", "0.1,1.5,16777216", True),
        ("float", "16777217", False),
        ("float", "0.1000000001", False),
        ("decimal128(10, 2)", "1.5,-3,1.500,1e2", True),
        ("decimal128(10, 2)", "1.505", False),
        ("decimal128(10, 2)", "123456789.00", False),
        ("timestamp[ms]", "2024-02-29 00:00:00.123,2024-02-29T00:00", True),
        ("timestamp[ms]", "2024-02-29 00:00:00.1234", False),
        ("timestamp[ns]", "2024-02-29 00:00:00.123456", True),
        ("timestamp[ns]", "9999-01-01 00:00", False),
        ("timestamp[us, tz=Europe/Berlin]", "2024-02-29T00:00Z,2024-02-29T01:00+01:00", True),
        ("timestamp[us, tz=Europe/Berlin]", "2024-02-29T00:00", False),
        ("date64[ms]", "2024-02-29", True),
        ("binary", "x", False),
        ("list<item: int64>", "[1]", False),
    ],
)
def test_text_fits_the_types_of_a_parquet_file_by_value(
    type_: str, cells: str, fits: bool, tmp_path: Path
) -> None:
    rows = "".join(f'{cell},"x"\n' for cell in cells.split(","))
    contract = _contract(a=type_, b="string")
    result = parsed(f"a,b\n{rows}".encode(), tmp_path, contract=contract)
    found = [(each.name, each.problem, each.was) for each in result.differences]
    assert found == ([] if fits else [("a", "type", type_)])
    if fits:
        assert result.columns == contract.columns


def test_a_declared_double_is_the_nearest_and_the_changed_values_are_counted(
    tmp_path: Path,
) -> None:
    data = b"id,x\n1,0.1\n2,0.1000000000000000055\n3,12345678901234567890\n4,\n5,1.50\n"
    result = parsed(data, tmp_path, types=(("x", "double"),))
    assert types_of(result) == {"id": "int64", "x": "double"}
    assert [row[1] for row in by_duckdb(result)] == [0.1, 0.1, 12345678901234567890.0, None, 1.5]
    assert result.rounded == (Rounded("x", 2),)


@pytest.mark.parametrize("value", ["x", "1e400", "nan", "+1", "1."])
def test_a_declared_double_takes_only_numbers_that_are_finite(value: str, tmp_path: Path) -> None:
    answer = refused(f"x\n1\n{value}\n".encode(), tmp_path, types=(("x", "double"),))
    assert answer.code == "value_does_not_fit"
    assert answer.detail == f"line 3, column x: '{value}' does not fit double"


def test_a_datasets_double_column_takes_what_reads_back_exactly(tmp_path: Path) -> None:
    contract = _contract(x="double")
    assert not parsed(b"x\n0.30000000000000004\n", tmp_path, contract=contract).differences
    other = parsed(b"x\n1\n0.3000000000000000444\n", tmp_path, contract=contract)
    assert other.differences == (ColumnProblem("x", "type", "double", "string", line=3),)
    again = parsed(
        b"x\n0.3000000000000000444\n", tmp_path, contract=contract, types=(("x", "double"),)
    )
    assert (again.differences, again.rounded) == ((), (Rounded("x", 1),))


def test_override_wins_over_inference(tmp_path: Path) -> None:
    types = (("rate", "double"), ("zip", "string"))
    result = parsed(b"zip,rate,n\n2134,1,1\n", tmp_path, types=types)
    assert types_of(result) == {"zip": "string", "rate": "double", "n": "int64"}
    assert by_duckdb(result) == [("2134", 1.0, 1)]


@pytest.mark.parametrize("block", [1, 20, 10_000])
def test_first_value_that_does_not_fit_is_named(block: int, tmp_path: Path) -> None:
    data = b'a,b\n"1\n2",1\n3,2.5\n,x\ny,z\n'
    types = (("b", "int64"),)
    answer = refused(data, tmp_path, types=types, limits=IngestLimits(block_bytes=block))
    assert answer.code == "value_does_not_fit"
    assert answer.detail == "line 4, column b: '2.5' does not fit int64"
    assert answer.errors[0]["line"] == 4


def test_earliest_line_is_named_whatever_the_column(tmp_path: Path) -> None:
    types = (("a", "int64"), ("b", "bool"))
    answer = refused(b"a,b\n1,true\n2,no\nx,no\n", tmp_path, types=types)
    assert answer.detail.startswith("line 3, column b")


def test_value_in_a_refusal_is_cut_short(tmp_path: Path) -> None:
    answer = refused(b"a\n" + b"x" * 5000 + b"\n", tmp_path, types=(("a", "int64"),))
    assert len(answer.detail) < 200


def test_override_of_a_column_that_is_not_there_is_invalid(tmp_path: Path) -> None:
    answer = refused(b"a\n1\n", tmp_path, types=(("b", "int64"),))
    assert answer.code == "invalid_request"
    assert "'b'" in answer.detail


def test_override_against_the_contract_is_a_difference(tmp_path: Path) -> None:
    contract = _contract(a="int64", b="double")
    result = parsed(b"a,b\n1,1\n", tmp_path, contract=contract, types=(("a", "string"),))
    assert types_of(result) == {"a": "string", "b": "double"}
    assert result.differences == (ColumnProblem("a", "type", "int64", "string"),)
