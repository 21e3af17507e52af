"""Any file fits the schema that was inferred from it."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from ingest_files import parsed, temporary

from lakehouse.formats.schema import Contract


@given(st.lists(st.sampled_from(["1", "-7", "1.5", "x", "", "true", "2024-01-01"])))
def test_file_always_fits_its_own_schema(values: list[str]) -> None:
    data = "a,b\n" + "".join(f"{value},1\n" for value in values)
    with temporary() as first, temporary() as second:
        once = parsed(data.encode(), Path(first))
        again = parsed(data.encode(), Path(second), contract=Contract(once.columns))
        assert (again.columns, again.differences) == (once.columns, ())
        assert again.files[0].sha256 == once.files[0].sha256
