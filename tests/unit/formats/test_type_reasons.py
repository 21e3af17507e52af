"""Why a column has its type: the value that decided it, with its line, whatever the blocks are."""

from pathlib import Path
from typing import Any

import pytest
from ingest_files import ingest, parsed

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.reader import Parsed
from lakehouse.formats.schema import Column, Contract, SchemaPolicy

Reason = tuple[str, int | None]


def reasons(data: str, into: Path, **given: Any) -> dict[str, Reason]:
    found = parsed(data.encode(), into, explains=True, **given).reasons
    return {each.name: (each.reason, each.line) for each in found}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (["1", "2"], ("every value is a whole number", None)),
        (["1", "2.5", "3.5"], ("'2.5' is not a whole number", 3)),
        (["1", "2.5", "n/a"], ("'n/a' is not a number", 4)),
        (["true", "no"], ("'no' is not true or false", 3)),
        (["2026-11-01", "soon"], ("'soon' is not a date (YYYY-MM-DD)", 3)),
        (["abc", "1"], ("'abc' is text", 2)),
        (["", "", "abc"], ("'abc' is text", 4)),
        (["1", "02"], ("'02' is not a number: as a number it would lose its leading zero", 3)),
        (
            ["12345678901234567890"],
            ("'12345678901234567890' is text: it has more digits than a double keeps", 2),
        ),
        (["31.12.2026"], ("'31.12.2026' is text: a date is written YYYY-MM-DD", 2)),
        (
            ['"1.234,5"'],
            ("'1.234,5' is text: a number has a decimal point and no separators", 2),
        ),
        ([" 1"], ("' 1' is text: it begins or ends with a space", 2)),
        (["", ""], ("no value, so text", None)),
    ],
)
@pytest.mark.parametrize("block_bytes", [16, 1 << 20])
def test_the_value_that_decided_a_type_is_named(
    tmp_path: Path, values: list[str], reason: Reason, block_bytes: int
) -> None:
    rows = "".join(f"{value},x\n" for value in values)
    limits = IngestLimits(block_bytes=block_bytes)
    assert reasons(f"a,b\n{rows}", tmp_path, limits=limits)["a"] == reason


def test_what_was_given_is_named_as_such(tmp_path: Path) -> None:
    contract = Contract((Column("a", "int64"), Column("c", "string")))
    found = reasons(
        "a,b\n1,2\n", tmp_path, contract=contract, types=(("b", "string"),), missing_as_null=True
    )
    assert found == {
        "a": ("the dataset's type, which every value fits", None),
        "b": ("the request says so", None),
        "c": ("the file lacks this column: null in every row", None),
    }


@pytest.mark.parametrize("format_", ["csv", "ndjson"])
def test_what_widens_the_dataset_is_named(tmp_path: Path, format_: str) -> None:
    contract = Contract((Column("a", "int64"),), SchemaPolicy.WIDEN, frozenset({"a"}))
    rows = "a\n1\n2.5\n" if format_ == "csv" else '{"a":1}\n{"a":1}\n{"a":2.5}\n'
    found = reasons(rows, tmp_path, contract=contract, format=format_)
    assert found == {"a": ("'2.5' is not int64, the dataset's type", 3)}


def test_json_is_explained_by_the_kinds_of_its_values(tmp_path: Path) -> None:
    rows = [
        '{"n": 1, "day": "2026-01-01", "mixed": 1, "deep": [1], "flag": true}',
        '{"n": 2.5, "day": "2026-01-02", "mixed": "x", "nothing": null}',
        '{"n": 12345678901234567890}',
    ]
    assert reasons("\n".join(rows), tmp_path, format="ndjson") == {
        "n": ("'12345678901234567890' is not a number: it has more digits than a double keeps", 3),
        "day": ("its values are strings; with types=day:date they become dates", None),
        "mixed": ("a string; a value before is a number", 2),
        "deep": ("its values are arrays or objects, kept as JSON text", None),
        "flag": ("every value is true or false", None),
        "nothing": ("no value, so text", None),
    }


def test_nothing_is_explained_unless_it_is_asked_for(tmp_path: Path) -> None:
    found = ingest(b"a\n1\n", tmp_path)
    assert isinstance(found, Parsed)
    assert found.reasons == ()
