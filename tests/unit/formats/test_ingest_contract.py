"""A dataset that exists is a contract; types given in the request win over all else."""

from pathlib import Path

import pytest
from ingest_files import by_duckdb, parsed, refused, types_of

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.schema import Column, ColumnDifference, Contract, SchemaPolicy, fingerprint


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
    assert result.differences == (ColumnDifference("a", "int64", "string", line=5),)


def test_file_that_does_not_fit_what_may_be_given_up_is_inferred_as_a_whole(
    tmp_path: Path,
) -> None:
    contract = Contract(_contract(a="int64", b="double").columns, SchemaPolicy.REPLACE)
    result = parsed(b"a,b\nq,1\n", tmp_path, contract=contract)
    assert types_of(result) == {"a": "string", "b": "int64"}


def test_other_header_is_inferred_and_compared_by_name(tmp_path: Path) -> None:
    result = parsed(b"a,c\n1,2\n", tmp_path, contract=_contract(a="double", b="bool"))
    assert types_of(result) == {"a": "int64", "c": "int64"}
    assert result.differences == (
        ColumnDifference("a", "double", "int64"),
        ColumnDifference("b", "bool", None),
        ColumnDifference("c", None, "int64"),
    )


def test_columns_in_another_order_differ(tmp_path: Path) -> None:
    result = parsed(b"b,a\n1,2\n", tmp_path, contract=_contract(a="int64", b="int64"))
    assert [item.name for item in result.differences] == ["a", "b"]


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
    assert result.differences == (ColumnDifference("a", "int64", "string"),)
