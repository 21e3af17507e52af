"""`lakehouse sql --engine`: what is sent to a Spark Connect server, and what becomes of its answers.

ops/engines runs the same command with Sail.
"""

import asyncio
import csv
import datetime as dt
import io
import json
import os
import sys
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import grpc
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from spark_server import MESSAGES, Spark

from lakehouse.cli.commands.sql import sql
from lakehouse.cli.engines import spark_connect
from lakehouse.cli.main import main
from lakehouse.cli.parsing.parser import parse
from lakehouse.config import load

TABLE = pa.table(
    {
        "i": pa.array([1, None], pa.int32()),
        "s": ["ü", ""],
        "d": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
        "at": pa.array(
            [dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC), None], pa.timestamp("us", "Europe/Berlin")
        ),
        "l": [[1, None], None],
        "r": [{"p": 1}, None],
        "took": pa.array([dt.timedelta(days=1, seconds=2), None], pa.duration("us")),
    }
)


@pytest.fixture(scope="module")
def server() -> Iterator[Spark]:
    found = Spark()
    yield found
    found.server.stop(None).wait()


@pytest.fixture
def spark(server: Spark, monkeypatch: pytest.MonkeyPatch) -> Spark:
    # The time limit of this call alone would decide on a busy machine whether the session is released.
    monkeypatch.setattr(spark_connect, "_RELEASE_S", 30)
    for each in (server.answers, server.requests, server.released):
        each.clear()
    for event in (server.begun, server.ended, server.left):
        event.clear()
    server.answers["rows"] = lambda _: iter((TABLE.slice(0, 1), TABLE.slice(1), TABLE.slice(2)))
    return server


def of(table: pa.Table) -> Callable[[grpc.ServicerContext], Iterator[pa.Table]]:
    return lambda _: iter((table,))


def forever(context: grpc.ServicerContext) -> Iterator[pa.Table]:
    """Rows until the client leaves."""
    while context.is_active():
        yield pa.table({"n": list(range(1_000))})


def test_the_statement_is_sent_once_in_a_session_that_ends(
    spark: Spark, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["sql", "rows", "--engine", spark.url]) == 0
    (request,), (released,) = spark.requests, spark.released
    assert request.plan.root.sql.query == "rows"
    assert request.client_type == released.client_type == "lakehouse"
    assert request.session_id == released.session_id != ""
    assert request.user_context == released.user_context
    assert request.user_context.user_id
    assert capfd.readouterr().out.splitlines()[2:] == [
        '1     ü  1.50  2026-01-02T03:00:00Z  [1,null]  {"p":1}  24:00:02',
        "NULL     NULL  NULL                  NULL      NULL     NULL",
    ]


def test_each_format(spark: Spark, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def asked(format_: str) -> str:
        assert main(["sql", "rows", "--engine", spark.url, "--format", format_]) == 0
        return capfd.readouterr().out

    document = json.loads(asked("json"))
    assert [each["name"] for each in document["columns"]] == TABLE.column_names
    assert document["row_count"] == 2
    lines = [json.loads(line) for line in asked("ndjson").splitlines()]
    assert [list(line.values()) for line in lines] == document["rows"]
    assert [*csv.reader(io.StringIO(asked("csv")))][1][:3] == ["1", "ü", "1.50"]
    for extension, read in (("arrow", _arrow), ("parquet", pq.read_table)):
        file = tmp_path / f"out.{extension}"
        assert main(["sql", "rows", "--engine", spark.url, "-o", str(file)]) == 0
        found = read(file)
        assert found["at"].type == pa.timestamp("us", "UTC")
        assert (
            found.drop_columns(["took", "at"]).to_pylist()
            == TABLE.drop_columns(["took", "at"]).to_pylist()
        )
        assert found["at"].to_pylist() == TABLE["at"].to_pylist()


def _arrow(file: Path) -> pa.Table:
    return pa.ipc.open_stream(file.read_bytes()).read_all()


def test_a_result_without_rows(spark: Spark, capfd: pytest.CaptureFixture[str]) -> None:
    spark.answers["none"] = of(TABLE.slice(2))
    assert main(["sql", "none", "--engine", spark.url, "--format", "csv"]) == 0
    assert capfd.readouterr().out == "i,s,d,at,l,r,took\n"


def test_a_statement_without_a_result(spark: Spark, capfd: pytest.CaptureFixture[str]) -> None:
    spark.answers |= {"nothing": lambda _: iter(()), "no columns": of(pa.table({}))}
    for statement in ("nothing", "no columns"):
        assert main(["sql", statement, "--engine", spark.url]) == 1
        assert "the statement ran and has no result" in capfd.readouterr().err


def test_an_error_of_the_engine_is_one_line(
    spark: Spark, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(context: grpc.ServicerContext) -> Iterator[pa.Table]:
        text = "\n[NO_TABLE] there is no \x1b[31mtable\n\tat org.apache.spark"
        context.abort(grpc.StatusCode.INTERNAL, text)
        yield TABLE

    spark.answers["bad"] = fail
    assert main(["sql", "bad", "--engine", spark.url]) == 1
    first, *_ = capfd.readouterr().err.splitlines()
    assert first == f"lakehouse: engine_error: {spark.url}: [NO_TABLE] there is no \\x1b[31mtable"


@pytest.mark.parametrize("late", ["error", "other columns", "wrong count"])
def test_a_result_that_breaks_off_leaves_no_file(
    spark: Spark,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    late: str,
) -> None:
    def rows(context: grpc.ServicerContext) -> Iterator[pa.Table]:
        yield TABLE
        if late == "error":
            context.abort(grpc.StatusCode.INTERNAL, "executor lost")
        yield pa.table({"other": [1]})

    if late == "wrong count":
        made = MESSAGES["ArrowBatch"]
        monkeypatch.setitem(
            MESSAGES, "ArrowBatch", lambda **parts: made(**parts | {"row_count": 3})
        )
    spark.answers["late"] = rows
    out = tmp_path / "out.csv"
    assert main(["sql", "late", "--engine", spark.url, "-o", str(out)]) == 1
    said = {
        "error": "executor lost",
        "other columns": "its batches have different columns",
        "wrong count": "its answer has 2 rows instead of 3",
    }
    expected = f"lakehouse: engine_error: {spark.url}: {said[late]}"
    assert capfd.readouterr().err.splitlines()[0] == expected
    assert list(tmp_path.iterdir()) == []


def test_the_limit_of_a_table_ends_the_statement(
    spark: Spark, capfd: pytest.CaptureFixture[str]
) -> None:
    spark.answers["endless"] = forever
    assert main(["sql", "endless", "--engine", spark.url, "--limit", "2"]) == 0
    assert capfd.readouterr().out.splitlines() == ["n", "-", "0", "1"]
    assert spark.ended.wait(60)
    assert len(spark.released) == 1


def test_the_time_limit(
    spark: Spark, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEHOUSE_QUERY_TIMEOUT_S", "2")
    spark.answers["endless"] = forever
    assert main(["sql", "endless", "--engine", spark.url, "-o", os.devnull, "--format", "csv"]) == 3
    assert "query_timeout" in capfd.readouterr().err
    assert spark.ended.wait(60)


async def test_leaving_cancels_the_statement(spark: Spark, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Ctrl-C does: it cancels the task of the command."""
    # A busy machine takes longer than a user should wait for the end of the session.
    monkeypatch.setattr("lakehouse.cli.engines.spark_connect._RELEASE_S", 60.0)
    held = threading.Event()

    def waiting(context: grpc.ServicerContext) -> Iterator[pa.Table]:
        context.add_callback(held.set)
        held.wait(60)
        yield TABLE

    spark.answers["waiting"] = waiting
    arguments = parse(["sql", "waiting", "--engine", spark.url])
    command = asyncio.create_task(_sql(arguments))
    await asyncio.to_thread(spark.begun.wait, 60)
    command.cancel()
    with pytest.raises(asyncio.CancelledError):
        await command
    assert await asyncio.to_thread(spark.ended.wait, 60)
    assert await asyncio.to_thread(spark.left.wait, 60)
    assert len(spark.released) == 1


async def _sql(arguments: Namespace) -> int:
    return await sql(arguments, load({}, {}, None))


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        ("spark://127.0.0.1:1", "engine_unavailable"),
        ("spark://host", "expected spark://HOST:PORT"),
        ("spark://host:0", "expected spark://HOST:PORT"),
        ("trino://host:1", "expected spark://HOST:PORT"),
        ("spark://user@host:1", "expected spark://HOST:PORT"),
    ],
)
def test_an_engine_that_cannot_be_asked(
    capfd: pytest.CaptureFixture[str], engine: str, said: str
) -> None:
    assert main(["sql", "SELECT 1", "--engine", engine]) == (3 if "unavailable" in said else 2)
    assert said in capfd.readouterr().err


@pytest.mark.parametrize("option", ["--as-of", "--profile"])
def test_options_that_only_the_lake_has(
    spark: Spark, capfd: pytest.CaptureFixture[str], option: str
) -> None:
    assert main(["sql", "rows", "--engine", spark.url, option, "1"]) == 2
    assert f"{option} is not for other engines" in capfd.readouterr().err
    assert spark.requests == []


def test_without_the_extra(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "lakehouse.cli.engines.spark_connect", raising=False)
    monkeypatch.setitem(sys.modules, "grpc", None)
    assert main(["sql", "rows", "--engine", "spark://127.0.0.1:1"]) == 2
    assert "pip install 'lakehouse[spark]'" in capfd.readouterr().err


def test_a_session_ends_that_is_left_while_its_statement_is_sent(
    spark: Spark, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.cli.engines.spark_connect._RELEASE_S", 60.0)
    spark.answers["endless"] = forever
    session = spark_connect.SparkConnect(spark.url, "ana", 60.0)
    stream = session._channel.unary_stream

    def interrupted(method: str) -> Callable[..., None]:
        def call(request: bytes, timeout: float) -> None:
            stream(method)(request, timeout=timeout)
            raise KeyboardInterrupt

        return call

    monkeypatch.setattr(session._channel, "unary_stream", interrupted)
    with pytest.raises(KeyboardInterrupt):
        session.run("endless")
    session.close()
    assert len(spark.released) == 1
