"""Any column of values: its type, against a slow reading of the table of types."""

import random
import struct
from pathlib import Path

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st
from ingest_files import parsed, temporary, types_of
from slow_readings import type_of_column, types_of_value
from type_table import ALL, EDGES

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.types.fitting import first_misfit
from lakehouse.formats.types.inference import merge, narrow, no_values
from lakehouse.formats.types.table import cast

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
    findings = no_values(1)
    for block in blocks:
        batch = pa.record_batch({"c": pa.array(block, pa.string())})
        findings = merge(findings, narrow(batch, findings)[0])
    return findings.decided()[0]
