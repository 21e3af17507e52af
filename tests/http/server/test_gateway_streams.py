"""Streams of rows through a gateway: both directions stay open, and ends are told apart."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from gateway_server import head_of, running_gateway, scripted
from lake_server import Lake, running_lake
from raw_http import Client
from row_stream import RowStream, row_stream, rows
from waiting import wait_until

from lakehouse.service.service import ServiceLimits
from lakehouse.service.streaming.limits import StreamLimits

AT_ONCE = ServiceLimits(streams=StreamLimits(group_s=0.01))


@pytest.fixture(scope="module")
def role(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    bucket = tmp_path_factory.mktemp("role") / "bucket"
    with running_lake(bucket, AT_ONCE, role="ingest", queries=False) as lake:
        yield lake


@pytest.fixture(scope="module")
def gateway(role: Lake) -> Iterator[Client]:
    with running_gateway({"ingest": f"http://127.0.0.1:{role.port}"}) as client:
        yield client


def test_acknowledgements_come_while_rows_are_sent(gateway: Client, role: Lake) -> None:
    with row_stream(gateway, "through") as stream:
        assert stream.begun() == 200
        for number in range(3):
            stream.send(rows(number))
            assert stream.line()["lines"] == [number + 1, number + 2]
        stream.finish()
        assert stream.rest()[-1]["rows"] == 3
    wait_until(lambda: role.service.streams.gate.inside == 0)


def test_a_read_after_an_acknowledgement_includes_its_event(role: Lake) -> None:
    asked: list[bytes] = []

    def catalog(connection: socket.socket) -> None:
        asked.append(head_of(connection).lower())
        connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")

    with scripted(catalog) as url:
        urls = {"ingest": f"http://127.0.0.1:{role.port}", "catalog": url}
        with running_gateway(urls) as own, row_stream(own, "seen") as stream:
            stream.begun()
            stream.send(rows(1))
            seq = stream.line()["seq"]
            assert own.ask("GET", "/v1/catalog/list").status == 204
    assert b"x-min-seq: %d\r\n" % seq in asked[-1]


def test_the_body_is_asked_for_before_the_answer(gateway: Client) -> None:
    with row_stream(gateway, "asked", headers={"Expect": "100-continue"}) as stream:
        assert stream.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert stream.begun() == 200
        stream.send(rows(1))
        line = stream.line()
        assert line["rows"] == 1


def test_a_client_that_leaves_ends_its_stream_upstream(gateway: Client, role: Lake) -> None:
    with row_stream(gateway, "left") as stream:
        stream.begun()
        stream.send(rows(1))
        stream.line()
        stream.reset()
    wait_until(lambda: role.service.streams.gate.inside == 0)


def test_a_gateway_that_stops_says_so_in_the_last_line(role: Lake) -> None:
    with ExitStack() as stack:
        urls = {"ingest": f"http://127.0.0.1:{role.port}"}
        own = stack.enter_context(running_gateway(urls))
        sock = own.connect()
        headers = {"Transfer-Encoding": "chunked"}
        sock.sendall(own.request("POST", "/v1/stream/stopped", None, headers))
        stream = RowStream(sock)
        stream.begun()
        stream.send(rows(1))
        line = stream.line()
        assert line["rows"] == 1
    with closing(sock):
        [last] = stream.rest()
    assert (last["code"], last["retryable"]) == ("upstream_unavailable", True)
