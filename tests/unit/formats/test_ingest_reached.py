"""Who watches an ingest is counts how many rows have been written."""

from pathlib import Path

import pytest
from ingest_files import parsed

from lakehouse.formats.limits import IngestLimits

ROWS = 3_000
TEXTS = {
    "csv": "n\n" + "".join(f"{n}\n" for n in range(ROWS)),
    "ndjson": "".join(f'{{"n":{n}}}\n' for n in range(ROWS)),
}


@pytest.mark.parametrize("format_", TEXTS)
@pytest.mark.parametrize("on_error", ["reject", "quarantine"])
def test_rows_are_told_and_in_the_end_all_of_them(
    format_: str, on_error: str, tmp_path: Path
) -> None:
    counts: list[int] = []
    limits = IngestLimits(block_bytes=1_000, threads=2)
    parsed(
        TEXTS[format_].encode(),
        tmp_path,
        limits=limits,
        on_progress=counts.append,
        format=format_,
        on_error=on_error,
    )
    assert counts == sorted(counts)
    assert counts[-1] == ROWS
    assert len(counts) > 1 or format_ == "ndjson", "its blocks are of a fixed size"
