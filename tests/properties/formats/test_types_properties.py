"""Any column of values: its type, against a slow reading of the table of types."""

import random
import struct
from pathlib import Path

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st
from ingest_files import parsed, temporary, types_of
from slow_readings import type_of_column, types_of_value

from lakehouse.formats.inference import judge, merge, nothing
from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.types import TYPES, cast, first_misfit

# Type: the values at its boundaries, inside and outside, divided by bars.
TABLE: dict[str, tuple[str, str]] = {
    "bool": (
        "true|false|TRUE|FALSE|True|False",
        "tRUE|t|yes|0|1| true|true |truee|TrUe|",
    ),
    "int64": (
        "0|7|-1|10|9223372036854775807|-9223372036854775808",
        "9223372036854775808|-9223372036854775809|007|+1|1_000| 5|5 |-0|0x1F|1.0|--1|-|"
        "1e3|٣|١٢|1\n|00|-01|",
    ),
    "double": (
        "1.5|-1.50|0.0|1e5|1E+05|1e-5|-0.0|-0e5|0e999999999999999999999|"
        "123456789012345.0|0.00123456789012345|12345678901234500000.0|1e-307|"
        "9.99999999999999e307|-9.99999999999999e307|0.1e-306|0.000|100e305|0.00001e312",
        "-0|1.|.5|01.5|+1.5|1,5|nan|inf|Infinity|1e|1e+|0x1p3|1234567890123456.1|"
        "0.1234567890123456|1000000000000000.5|1e308|-1e308|9.99999999999999e-308|"
        "1e-400|1e400|1e-99999999999999999999|5e-324|0.0001e312|1.5 | 1.5|1.5f|1_0.5|"
        "1.5\n|1.5\n2.5|1e5.0|00.5|-00.5|",
    ),
    "date32[day]": (
        "2024-02-29|0001-01-01|9999-12-31|2000-02-29|1969-12-31",
        "2023-02-29|1900-02-29|0000-12-31|2024-13-01|2024-00-10|2024-04-31|2024-1-05|"
        "20240105|24-01-05|10000-01-01|2024/01/05|2024-01-05 ||-2024-01-05|+2024-01-05|"
        "2024-01-05T|2024-W01-1|2024-01-00|２024-01-05",
    ),
    "timestamp[us]": (
        "2024-02-29T00:00|2024-02-29 23:59:59|2024-02-29T23:59:59.1|"
        "0001-01-01T00:00:00.000001|9999-12-31 23:59:59.999999",
        "2024-02-29T24:00|2024-02-29T23:60|2024-02-29T23:59:60|2024-02-29  00:00|"
        "2024-02-29t00:00|2024-02-29T00|2024-02-29T0:00|2024-02-29T00:00:00.|"
        "2024-02-29T00:00:00.1234567|2023-02-29T00:00|0000-01-01T00:00|2024-02-29|"
        "2024-02-29T00:00Z|2024-02-29T00:00.5|2024-02-29T00:00:00,5|20240229T0000|"
        "2024-02-29T0000|2024-02-29T00:00 |10000-01-01T00:00|2024-02-29\t00:00|",
    ),
    "timestamp[us, tz=UTC]": (
        "2024-02-29T00:00Z|2024-02-29 23:59:59.123456Z|2024-02-29T00:00:00+01:00|"
        "2024-02-29T00:00+0100|2024-02-29T00:00-23:59|2024-02-29T00:00+23:59|"
        "0001-01-01T00:00-00:01|9999-12-31T23:59:59.999999+00:01|0001-01-01T00:00Z|"
        "2024-02-29T00:00-00:00|9999-12-31T23:59:59.999999Z",
        "2024-02-29T00:00z|2024-02-29T00:00+24:00|2024-02-29T00:00+01:60|"
        "2024-02-29T00:00|2024-02-29T00:00+01|2024-02-29T00:00 Z|2024-02-29T00:00ZZ|"
        "2024-02-29Z|0001-01-01T00:00+00:01|9999-12-31T23:59-00:01|2023-02-29T00:00Z|"
        "T00:00Z|2024-02-29T00:00UTC|2024-02-29T00:00+1:00|2024-02-29T00:00+010|"
        "0000-12-31T23:59:59-12:00|0000-12-31T12:00-2359|",
    ),
}


ALL = tuple(TYPES)


INSIDE = [(name, value) for name, (inside, _) in TABLE.items() for value in inside.split("|")]


OUTSIDE = [(name, value) for name, (_, outside) in TABLE.items() for value in outside.split("|")]


EDGES = sorted({value for _, value in INSIDE + OUTSIDE})


NUMBERS = st.from_regex(r"-?[0-9]{0,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)


INSTANTS = st.builds(
    "{:04d}-{:02d}-{:02d}{}{:02d}:{:02d}{}{}".format,
    st.sampled_from([0, 1, 1900, 2000, 2023, 2024, 9999]),
    st.integers(0, 13),
    st.integers(0, 32),
    st.sampled_from(["T", " ", "t", ""]),
    st.integers(0, 24),
    st.integers(0, 60),
    st.sampled_from(["", ":00", ":59.5", ":60", ":00.123456", ":00.1234567", "."]),
    st.sampled_from(["", "Z", "z", "+00:00", "-2359", "+24:00", "+14:00", "+1"]),
)


VALUES = st.one_of(
    st.sampled_from(EDGES),
    NUMBERS,
    INSTANTS,
    st.integers(-(2**65), 2**65).map(str),
    st.floats(allow_nan=True).map(repr),
    st.dates().map(str),
    st.text(max_size=4),
    st.text("0123456789-+.eETZ: ", max_size=12),
)


@given(st.lists(st.one_of(st.none(), VALUES), max_size=6))
@example(["1", "1.5"])
@example(["9007199254740993", "1.5"])
@example([None, None])
@example(["1", "true"])
@example(["07", "0xFFFFFFFFFF"])  # as long as 7 and 1099511627775 are
@example(["-10", "9", "99", "100", "-9223372036854775808", "9223372036854775807"])
def test_slow_reading_agrees_on_any_column(values: list[str | None]) -> None:
    """A few values are matched by Python, many by Arrow."""
    assert _decided([values]) == _decided([values * 65]) == type_of_column(values)


@given(
    st.lists(st.lists(st.one_of(st.none(), VALUES), max_size=3), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_order_and_blocks_change_nothing(
    blocks: list[list[str | None]], rng: random.Random
) -> None:
    shuffled = [value for block in blocks for value in block]
    rng.shuffle(shuffled)
    assert _decided(blocks) == _decided([shuffled])


CELLS = st.sampled_from(["1", "-2", "1.5", "true", "x", "2024-01-01", ""])


@given(st.lists(CELLS, max_size=30), st.integers(1, 20), st.integers(1, 4))
@example(["1", "1", "1", "", "", ""], 1, 4)
@example(["x", "1", "1", "1", "1", "1"], 1, 4)
def test_files_types_do_not_depend_on_blocks_or_threads(
    cells: list[str], block: int, threads: int
) -> None:
    data = "a,b\n" + "".join(f"{cell},\n" for cell in cells)
    with temporary() as folder:
        limits = IngestLimits(block_bytes=block, threads=threads)
        result = parsed(data.encode(), Path(folder), limits=limits)
    assert types_of(result)["a"] == type_of_column([cell or None for cell in cells])


@given(st.lists(VALUES, max_size=5), st.sampled_from([name for name in ALL if name != "string"]))
def test_first_misfit_is_the_first(values: list[str], name: str) -> None:
    fits = [name in types_of_value(value) for value in values]
    if not all(fits):
        assert first_misfit(pa.array(values, pa.string()), name) == fits.index(False)


@given(st.floats(allow_nan=False, allow_infinity=False, width=64), st.integers(0, 14))
def test_double_is_the_nearest_to_its_text(number: float, places: int) -> None:
    text = f"{number:.{places}e}"
    if "double" in types_of_value(text):
        (read,) = cast(pa.array([text]), "double").to_pylist()
        assert struct.pack("<d", read) == struct.pack("<d", float(text))
        assert f"{read:.{places}e}" == text


def test_double_is_the_nearest_to_many_texts() -> None:
    rng = random.Random(7)
    texts = [
        f"{rng.choice(['', '-'])}{rng.randrange(10**6)}.{rng.randrange(10 ** rng.randint(1, 9))}"
        for _ in range(50_000)
    ]
    texts += [f"{rng.randrange(1, 10**15)}e{rng.randint(-300, 290)}" for _ in range(50_000)]
    expected = struct.pack(f"<{len(texts)}d", *map(float, texts))
    assert cast(pa.array(texts), "double").buffers()[1].to_pybytes()[: len(expected)] == expected


def _decided(blocks: list[list[str | None]]) -> str:
    findings = nothing(1)
    for block in blocks:
        batch = pa.record_batch({"c": pa.array(block, pa.string())})
        findings = merge(findings, judge(batch, findings)[0])
    return findings.decided()[0]
