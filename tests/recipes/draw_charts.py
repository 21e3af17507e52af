"""`Result.plot()` with each library that can draw: `python draw_charts.py URL`, where they are installed."""

import sys
from unittest import mock

import altair  # noqa: F401  # loaded once, so that hiding others does not load it again
import matplotlib
import polars  # noqa: F401

import lakehouse


def main(url: str) -> None:
    """Raises AssertionError where a chart does not show the rows."""
    matplotlib.use("Agg")
    sql = "SELECT i AS x, i * i AS y FROM range(10) t(i)"
    with lakehouse.connect(url) as lake:
        drawn = lake.sql(sql).plot(x="x", y="y")
        assert [tuple(each) for each in drawn.lines[0].get_xydata()][-1] == (9.0, 81.0)
        bars = lake.sql(sql).plot(kind="bar", x="x", y="y")
        assert len(bars.patches) == 10
        # Without matplotlib, and without pandas too, polars draws by Altair.
        for missing in (("matplotlib",), ("matplotlib", "pandas")):
            with mock.patch.dict(sys.modules, dict.fromkeys(missing)):
                chart = lake.sql(sql).plot(x="x", y="y")
                assert chart.to_dict()["mark"]["type"] == "line"
                points = lake.sql(sql).plot(kind="scatter", x="x", y="y")
                assert points.to_dict()["mark"]["type"] == "point"


if __name__ == "__main__":
    main(*sys.argv[1:])
    print("charts: matplotlib by pandas, Altair by polars")
