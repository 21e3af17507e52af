"""Statements over Flight SQL: their rows, their parameters, their errors, as of a moment, as a profile."""

from typing import Any

import adbc_driver_manager
import pyarrow as pa
import pyarrow.flight as fl
import pytest
from adbc_driver_manager import AdbcStatusCode
from flight_client import Raw, adbc, metadata, prepared, query, statement
from lake_server import Lake
from values import AS_TEXT, EVERY_TYPE, PARAMETERS

from lakehouse.flight.wire import Fields

ROWS = "SELECT * FROM sales ORDER BY id"


def test_a_query_gives_the_rows_of_http(lake: Lake) -> None:
    table = query(lake, ROWS)
    over_http = pa.ipc.open_stream(lake.sql(ROWS, format="arrow").body).read_all()
    assert table.equals(over_http, check_metadata=True)
    assert table.column("item").to_pylist() == ["tea", "jam", "oil"]


@pytest.mark.parametrize("value", EVERY_TYPE)
def test_both_doors_give_equal_arrow(lake: Lake, value: str) -> None:
    sql = f"SELECT * FROM (VALUES ({value}), (NULL)) AS t(v)"
    over_http = pa.ipc.open_stream(lake.sql(sql, format="arrow").body).read_all()
    assert over_http.num_rows == 2
    table = query(lake, sql)
    assert table.schema.equals(over_http.schema, check_metadata=True)
    assert str(table.to_pylist()) == str(over_http.to_pylist())
    with Raw(lake.flight_port) as raw:
        assert raw.schema(statement(sql)) == over_http.schema
        assert raw.table(statement(sql)).schema == over_http.schema


def test_a_large_result_is_whole_and_in_small_messages(lake: Lake) -> None:
    sql = "SELECT i, repeat('x', 2000) AS wide FROM range(50000) t(i)"
    with Raw(lake.flight_port) as raw:
        rows = largest = 0
        for chunk in raw.reader(statement(sql)):
            rows += chunk.data.num_rows
            largest = max(largest, chunk.data.nbytes)
    assert rows == 50_000
    assert largest <= 2 * 1024 * 1024


@pytest.mark.parametrize("sql", ["SELECT 1 AS a WHERE false", "SELECT NULL AS a", "SHOW TABLES"])
def test_small_results(lake: Lake, sql: str) -> None:
    over_http = pa.ipc.open_stream(lake.sql(sql, format="arrow").body).read_all()
    assert query(lake, sql) == over_http


@pytest.mark.parametrize("value", PARAMETERS, ids=lambda each: str(each.type))
def test_a_parameter_of_each_type_keeps_its_value(lake: Lake, value: pa.Array) -> None:
    row = pa.record_batch([value], ["1"])
    table = query(lake, "SELECT ? AS v", row)
    expected = AS_TEXT.get(value.type, value.to_pylist())
    assert str(table.column("v").to_pylist()) == str(expected)


def test_a_parameter_has_its_own_type(lake: Lake) -> None:
    row = pa.record_batch([pa.array([7], pa.int16()), pa.array(["7"])], ["a", "b"])
    table = query(lake, "SELECT typeof(?) AS a, typeof(?) AS b", row)
    assert table.to_pylist() == [{"a": "SMALLINT", "b": "VARCHAR"}]


@pytest.mark.parametrize(
    "sql", ["SELECT $b || $a AS v", "SELECT $2 || $1 AS v", "SELECT ? || ? AS v"]
)
def test_named_and_numbered_parameters(lake: Lake, sql: str) -> None:
    row = pa.record_batch([pa.array(["x"]), pa.array(["y"])], ["a", "b"])
    expected = "xy" if "?" in sql else "yx"
    assert query(lake, sql, row).to_pylist() == [{"v": expected}]


def test_a_statement_is_prepared_once_and_run_for_several_values(lake: Lake) -> None:
    with adbc(lake) as connection, connection.cursor() as cursor:
        for number, item in ((1, "tea"), (2, "jam"), (3, "oil")):
            cursor.execute("SELECT item FROM sales WHERE id = ?", (number,))
            assert cursor.fetchall() == [(item,)]


def test_what_a_prepared_statement_says_of_itself(lake: Lake) -> None:
    with Raw(lake.flight_port) as raw:
        _, plain = raw.prepare(ROWS)
        schema = pa.ipc.read_schema(pa.py_buffer(plain.bytes_of(2)))
        assert schema == query(lake, ROWS).schema
        assert pa.ipc.read_schema(pa.py_buffer(plain.bytes_of(3))) == pa.schema([])
        handle, bound = raw.prepare("SELECT * FROM sales WHERE id = ? AND item = ?")
        assert not bound.has(2)
        parameters = pa.ipc.read_schema(pa.py_buffer(bound.bytes_of(3)))
        assert parameters.names == ["1", "2"]
        row = pa.record_batch([pa.array([1]), pa.array(["tea"])], ["1", "2"])
        answer = raw.put(prepared(handle), row)
        assert answer is not None
        values = Fields(answer).bytes_of(1)
        assert raw.table(prepared(values)).num_rows == 1
        assert raw.schema(prepared(values)) == schema


def test_several_rows_of_parameters_are_refused(lake: Lake) -> None:
    with pytest.raises(adbc_driver_manager.Error, match="several rows of parameters"):
        query(lake, "SELECT ? AS v", pa.record_batch([pa.array([1, 2])], ["1"]))
    with Raw(lake.flight_port) as raw:
        handle, _ = raw.prepare("SELECT ? AS v")
        row = pa.record_batch([pa.array([1])], ["1"])
        for batches in ((row, row), (row.slice(0, 0),)):
            with pytest.raises(pa.ArrowInvalid, match="row"):
                raw.put(prepared(handle), *batches)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_parameters_must_be_as_many_as_the_statement_has(lake: Lake, count: int) -> None:
    row = pa.record_batch([pa.array([1])] * count, [str(n) for n in range(count)])
    with Raw(lake.flight_port) as raw:
        handle, _ = raw.prepare("SELECT ? + ? AS v")
        with pytest.raises(pa.ArrowInvalid, match="invalid_request"):
            raw.put(prepared(handle), row)


def test_a_moment_and_a_profile(lake: Lake) -> None:
    assert query(lake, ROWS, x_as_of="1").num_rows == 2
    assert query(lake, "SELECT count(*) AS n FROM sales WHERE id > ?", [0], x_as_of="1")[
        "n"
    ].to_pylist() == [2]
    alias = {"names": {"bargains": {"to": "cheap"}}, "others": "hidden"}
    assert lake.ask("PUT", "/v1/catalog/profile/shop", alias).status == 200
    assert query(lake, "FROM bargains", x_profile="shop").num_rows == 2
    with pytest.raises(adbc_driver_manager.Error, match="sql_error"):
        query(lake, ROWS, x_profile="shop")
    with pytest.raises(adbc_driver_manager.Error, match="profile_not_found"):
        query(lake, ROWS, x_profile="none")
    with pytest.raises(adbc_driver_manager.Error, match="as_of_in_future"):
        query(lake, ROWS, x_as_of="99999")


@pytest.mark.parametrize(
    ("sql", "code", "status"),
    [
        ("SELECT nope", "sql_error", AdbcStatusCode.INVALID_ARGUMENT),
        ("SELECT error('at once')", "sql_error", AdbcStatusCode.INVALID_ARGUMENT),
        ("DROP TABLE sales", "statement_not_allowed", AdbcStatusCode.UNAUTHORIZED),
    ],
)
def test_a_refusal_has_the_code_and_status_of_http(
    lake: Lake, sql: str, code: str, status: AdbcStatusCode
) -> None:
    detail = lake.sql(sql).json
    assert detail["code"] == code
    with pytest.raises(adbc_driver_manager.Error) as raised:
        query(lake, sql)
    assert raised.value.status_code == status
    message = str(raised.value)
    assert f"{code}: {detail['detail'].splitlines()[0]}" in message
    assert "Traceback" not in message and ".py" not in message


def test_no_message_shows_a_path_of_the_server(lake: Lake) -> None:
    """pyarrow would add Python's traceback to those that have no Flight error of their own."""
    raised = []
    with Raw(lake.flight_port) as raw:
        for attempt in (
            lambda: raw.table(statement("SELECT nope")),
            lambda: raw.schema(statement("SELECT nope")),
            lambda: raw.act("CancelFlightInfo", b""),
            lambda: raw.act("BeginTransaction", b""),
            lambda: raw.put(statement("SELECT 1"), pa.record_batch([pa.array([1])], ["1"])),
            lambda: raw.put(metadata("CommandStatementUpdate", f1="DELETE FROM sales")),
            lambda: raw.client.do_exchange(fl.FlightDescriptor.for_path("x"), raw.options)[
                1
            ].read_chunk(),
        ):
            with pytest.raises(pa.ArrowException) as error:
                attempt()
            raised.append(error.value)
    assert [type(each).__name__ for each in raised] == [
        *("ArrowInvalid", "ArrowInvalid", "ArrowKeyError"),
        *("ArrowNotImplementedError", "ArrowInvalid", "ArrowNotImplementedError"),
        "ArrowNotImplementedError",
    ]
    for each in raised:
        assert "Traceback" not in str(each) and "lakehouse/" not in str(each), each


def test_what_fails_midway_never_looks_complete(lake: Lake) -> None:
    sql = "SELECT if(i < 3000000, i, error('late')::BIGINT) AS x FROM range(9000000) t(i)"
    with Raw(lake.flight_port) as raw:
        reader = raw.reader(statement(sql))
        assert reader.read_chunk().data.num_rows > 0
        with pytest.raises(pa.ArrowInvalid, match="sql_error"):
            reader.read_all()


@pytest.mark.parametrize("command", ["CommandStatementIngest", "CommandStatementSubstraitPlan"])
def test_changes_and_plans_are_unimplemented(lake: Lake, command: str) -> None:
    with Raw(lake.flight_port) as raw, pytest.raises(NotImplementedError, match="SQL"):
        raw.put(metadata(command, f1="x"), pa.record_batch([pa.array([1])], ["1"]))


def test_a_transaction_is_unimplemented(lake: Lake) -> None:
    with Raw(lake.flight_port) as raw, pytest.raises(NotImplementedError, match="transactions"):
        raw.info(metadata("CommandStatementQuery", f1="SELECT 1", f2="tx"))


def test_the_cache_answers_both_doors(lake: Lake) -> None:
    sql = "SELECT sum(price) AS s, 'both doors' AS b FROM sales"
    first: Any = query(lake, sql)
    assert lake.sql(sql, format="arrow").headers["Cache-Status"] == "lakehouse; hit"
    assert query(lake, sql) == first
