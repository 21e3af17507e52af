"""A result of many batches, in each format."""

import json

import pytest
from result_documents import arrow, parquet, rendered

from lakehouse.query.render.documents import DOCUMENTS


@pytest.mark.parametrize("format_", DOCUMENTS)
def test_a_result_of_many_batches_has_every_row_once(format_: str) -> None:
    data = rendered("SELECT i AS a FROM range(300000) t(i)", format_)
    rows = {
        "json": lambda: [row[0] for row in json.loads(data)["rows"]],
        "ndjson": lambda: [json.loads(line)["a"] for line in data.splitlines()],
        "csv": lambda: [int(line) for line in data.split()[1:]],
        "arrow": lambda: arrow(data)["a"].to_pylist(),
        "parquet": lambda: parquet(data)["a"].to_pylist(),
    }[format_]()
    assert rows == list(range(300_000))
