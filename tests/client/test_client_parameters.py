"""Values of Python as parameters: what is sent, and what DuckDB makes of it."""

import datetime as dt
import math
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from lakehouse.client import parameters
from lakehouse.client.lake import Lake

ZONE = dt.timezone(dt.timedelta(hours=2))
NAIVE = dt.datetime(2026, 1, 2, 3, 4, 5, 6)  # noqa: DTZ001
ID = uuid.UUID("8d4d2f7e-2a2a-4b1c-9d7a-0f8f3c3b9a11")


@pytest.mark.parametrize(
    ("value", "wanted", "kind"),
    [
        (None, None, '"NULL"'),
        (True, True, "BOOLEAN"),
        (7, 7, "INTEGER"),
        (2**100, 2**100, "HUGEINT"),
        (1.5, 1.5, "DOUBLE"),
        (-math.inf, -math.inf, "DOUBLE"),
        ("'; DROP", "'; DROP", "VARCHAR"),
        (dt.date(2026, 11, 2), dt.date(2026, 11, 2), "DATE"),
        (dt.time(1, 2, 3, 4), dt.time(1, 2, 3, 4), "TIME"),
        (NAIVE, NAIVE, "TIMESTAMP"),
        (
            dt.datetime(2026, 1, 2, 3, tzinfo=ZONE),
            dt.datetime(2026, 1, 2, 1, tzinfo=dt.UTC),
            "TIMESTAMP WITH TIME ZONE",
        ),
        (Decimal("1.50"), Decimal("1.50"), "DECIMAL(3,2)"),
        (Decimal("-0.001"), Decimal("-0.001"), "DECIMAL(3,3)"),
        (Decimal("1E+3"), Decimal(1000), "DECIMAL(4,0)"),
        (b"\x00\xff", b"\x00\xff", "BLOB"),
        (ID, str(ID), "UUID"),
        (dt.timedelta(days=1, microseconds=5), "24:00:00.000005", "INTERVAL"),
        (np.int64(7), 7, "INTEGER"),
        ([1, 2.5], [1.0, 2.5], "DOUBLE[]"),
        (np.array([1, 2], np.float32), [1.0, 2.0], "DOUBLE[]"),
        ({"$type": "INTEGER[]", "value": "[1, 2]"}, [1, 2], "INTEGER[]"),
    ],
)
def test_a_value_keeps_its_type(lake: Lake, value: Any, wanted: Any, kind: str) -> None:
    by_place = lake.sql("SELECT ? AS x, typeof(?) AS t", [value, value]).rows()
    assert by_place == [(wanted, kind)]
    assert lake.sql("SELECT $x AS x", {"x": value}).rows() == [(wanted,)]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ("text", TypeError),
        ([object()], TypeError),
        ([[1, "a"]], TypeError),
        ([[1.5, math.nan]], TypeError),
        ([Decimal("NaN")], ValueError),
        ([Decimal("1" * 39)], ValueError),
    ],
)
def test_what_is_no_parameter_is_refused_before_it_is_sent(
    params: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="params"):
        parameters.encoded(params)


def test_moments() -> None:
    assert parameters.moment(None) is None
    assert parameters.moment(7) == 7
    assert parameters.moment("2026-11-02T00:00:00Z") == "2026-11-02T00:00:00Z"
    assert parameters.moment(dt.datetime(2026, 11, 2, tzinfo=ZONE)) == "2026-11-02T00:00:00+02:00"
    with pytest.raises(ValueError, match="zone"):
        parameters.moment(dt.datetime(2026, 11, 2))  # noqa: DTZ001  # that is the point
    for wrong in (True, 1.5, dt.date(2026, 11, 2)):
        with pytest.raises(TypeError, match="as_of"):
            parameters.moment(wrong)  # type: ignore[arg-type]
