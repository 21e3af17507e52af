"""Results: read at once, in pieces, in part, or broken off."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from breaking_proxy import BreakingProxy
from lake_server import Lake as Server

import lakehouse
from lakehouse.client.lake import Lake

MANY = "SELECT i, repeat('x', 100) AS t FROM range(1000000) r(i)"


def test_a_result_in_each_form(lake: Lake) -> None:
    sql = "SELECT 1 AS a, 'x' AS b, NULL AS c, 1.5::DECIMAL(5, 2) AS d, DATE '2026-01-02' AS e"
    wanted = (1, "x", None, Decimal("1.50"), dt.date(2026, 1, 2))
    result = lake.sql(sql)
    assert result.columns == ["a", "b", "c", "d", "e"]
    assert result.schema.field("d").type == pa.decimal128(5, 2)
    assert result.rows() == [wanted]
    assert result.arrow().num_rows == 1, "what was read is kept"
    assert result.pandas()["b"].to_list() == ["x"]
    assert result.polars().rows() == [wanted]
    assert lake.sql("SELECT 42").one() == 42
    with pytest.raises(ValueError, match="not one value"):
        lake.sql("SELECT 1, 2").one()


def test_columns_of_one_name(lake: Lake) -> None:
    result = lake.sql("SELECT 1 AS a, 2 AS a")
    assert (result.columns, result.rows()) == (["a", "a"], [(1, 2)])


def test_a_sum_of_integers_is_an_int(lake: Lake) -> None:
    total = lake.sql("SELECT sum(i) FROM range(10) r(i)").one()
    assert (total, type(total)) == (45, int)


@pytest.mark.parametrize("value", ["DATE 'infinity'", "TIMESTAMP '10000-01-01'"])
def test_a_date_that_python_has_not_is_an_error_that_names_the_column(
    lake: Lake, value: str
) -> None:
    result = lake.sql(f"SELECT 1 AS a, {value} AS far")
    with pytest.raises(lakehouse.Error, match="column far") as raised:
        result.rows()
    assert raised.value.code == "value_does_not_fit"
    assert result.arrow().num_rows == 1


def test_no_rows(lake: Lake) -> None:
    result = lake.sql("SELECT 1 AS a WHERE false")
    assert (result.columns, result.rows(), result.arrow().num_rows) == (["a"], [], 0)


def test_batches_come_one_by_one_and_are_not_kept(lake: Lake) -> None:
    result = lake.sql(MANY)
    before, most, rows = pa.total_allocated_bytes(), 0, 0
    for batch in result:
        rows += batch.num_rows
        most = max(most, pa.total_allocated_bytes() - before)
    assert rows == 1_000_000
    assert most < 20_000_000, "there are more than 100 MB"
    with pytest.raises(ValueError, match="run the statement again"):
        result.rows()


def test_a_result_that_is_closed_stops_its_statement(lake: Lake, server: Server) -> None:
    with lake.sql("SELECT i FROM range(1000000000000) r(i)") as result:
        assert next(iter(result)).num_rows > 0
        query_id = result.query_id
    ended = "SELECT count(*) FROM lake.queries WHERE query_id = ? AND outcome IS NULL"
    while lake.sql(ended, [query_id]).one():
        pass


def test_a_running_statement_is_cancelled(lake: Lake) -> None:
    result = lake.sql("SELECT i FROM range(1000000000000) r(i)", query_id="mine-1")
    assert lake.cancel("mine-1") == 1
    with pytest.raises(lakehouse.Error) as broken:
        result.arrow()
    assert (broken.value.code, broken.value.retryable) == ("incomplete_answer", True)


def test_a_statement_that_fails_late_never_looks_whole(lake: Lake) -> None:
    late = "SELECT if(i < 3000000, i, error('late')::BIGINT) AS x FROM range(9000000) t(i)"
    with pytest.raises(lakehouse.Error) as broken:
        for _ in lake.sql(late):
            pass
    assert broken.value.code == "incomplete_answer"


def test_an_answer_that_a_proxy_cuts(server: Server) -> None:
    proxy = BreakingProxy(server.port, seed=1, loses=0.02)
    with lakehouse.connect(f"http://127.0.0.1:{proxy.port}") as lake:
        for _ in range(3):
            with pytest.raises(lakehouse.Error) as broken:
                lake.sql(MANY).arrow()
            assert broken.value.code == "incomplete_answer"
    proxy.close()


def test_errors_have_codes(lake: Lake) -> None:
    for sql, code, status in (
        ("SELECT nope", "sql_error", 400),
        ("DROP TABLE x", "statement_not_allowed", 403),
        ("", "sql_error", 400),
    ):
        with pytest.raises(lakehouse.Error) as refused:
            lake.sql(sql)
        assert (refused.value.code, refused.value.status) == (code, status)
        assert refused.value.request_id


def test_a_table_for_notebooks(lake: Lake) -> None:
    result = lake.sql("SELECT '<b>' AS \"<x>\", NULL AS n FROM range(30)")
    page = result._repr_html_()
    assert "&lt;b&gt;" in page
    assert "&lt;x&gt;" in page
    assert "<b>" not in page
    assert page.count("<tr>") == 21
    assert "The first 20 rows." in page
    assert len(result.rows()) == 30, "what is shown is still there"


def test_a_chart_needs_a_library(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[dict[str, Any]] = []

    class Frame:
        def plot(self, **options: Any) -> str:
            drawn.append(options)
            return "chart"

    result = lake.sql("SELECT 1 AS a")
    monkeypatch.setattr(result, "pandas", Frame)
    assert result.plot(x="a") == "chart"
    assert drawn == [{"x": "a"}]


def test_several_moments_of_one_connection(lake: Lake, fresh: Callable[[], str]) -> None:
    name = fresh()
    seqs = [lake.ingest([{"n": number}], name=name).seq for number in range(3)]
    for number, seq in enumerate(seqs):
        result = lake.sql(f"SELECT n FROM {name}", as_of=seq)
        assert (result.rows(), result.seq) == ([(number,)], seq)
