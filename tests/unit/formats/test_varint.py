"""Numbers in few bytes, held against Avro's own encoder and the examples of the specifications."""

import io

import pytest
from fastavro import schemaless_reader
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.formats.varint import varint, zigzag


@pytest.mark.parametrize(
    ("value", "encoded"),
    [(0, "00"), (127, "7f"), (128, "8001"), (150, "9601"), (2**64 - 1, "ffffffffffffffffff01")],
)
def test_seven_bits_a_byte_the_lowest_first(value: int, encoded: str) -> None:
    assert varint(value).hex() == encoded


@given(st.integers(-(2**63), 2**63 - 1))
def test_avro_reads_the_number_back(value: int) -> None:
    assert schemaless_reader(io.BytesIO(varint(zigzag(value))), "long", None) == value
