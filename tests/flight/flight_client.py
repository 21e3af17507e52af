"""Clients of Flight SQL: the ADBC driver as users have it, and raw Flight for what it never sends."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import adbc_driver_flightsql.dbapi as flight_sql
import pyarrow as pa
import pyarrow.flight as fl
from adbc_driver_flightsql import DatabaseOptions
from lake_server import Lake

from lakehouse.flight.commands import pack
from lakehouse.flight.wire import Fields, length_field

TOKEN_HEADER = DatabaseOptions.AUTHORIZATION_HEADER.value
CALL_HEADER = DatabaseOptions.RPC_CALL_HEADER_PREFIX.value

WITHIN_S = 90.0


@contextmanager
def adbc(lake: Lake, **headers: str) -> Iterator[Any]:
    """A connection of the ADBC driver that sends these headers: `x_as_of` is `x-as-of`."""
    options = {f"{CALL_HEADER}{name.replace('_', '-')}": value for name, value in headers.items()}
    if lake.token is not None and "authorization" not in headers:
        options[TOKEN_HEADER] = f"Bearer {lake.token}"
    uri = f"grpc://127.0.0.1:{lake.flight_port}"
    with flight_sql.connect(uri, db_kwargs=options, autocommit=True) as connection:
        yield connection


def query(lake: Lake, sql: str, params: Any = None, **headers: str) -> pa.Table:
    """The result of one statement by ADBC."""
    with adbc(lake, **headers) as connection, connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetch_arrow_table()


class Raw:
    """Flight without a driver, to a port or over a client that is connected."""

    def __init__(
        self, to: int | fl.FlightClient | None, token: str | None = None, **headers: str
    ) -> None:
        self.client = to if isinstance(to, fl.FlightClient) else fl.connect(("127.0.0.1", to))
        sent = [(name.replace("_", "-").encode(), each.encode()) for name, each in headers.items()]
        if token is not None:
            sent.append((b"authorization", f"Bearer {token}".encode()))
        self.options = fl.FlightCallOptions(headers=sent, timeout=60)

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def info(self, command: bytes) -> fl.FlightInfo:
        descriptor = fl.FlightDescriptor.for_command(command)
        return self.client.get_flight_info(descriptor, self.options)

    def schema(self, command: bytes) -> pa.Schema:
        descriptor = fl.FlightDescriptor.for_command(command)
        return self.client.get_schema(descriptor, self.options).schema

    def reader(self, command: bytes) -> Any:
        [endpoint] = self.info(command).endpoints
        return self.client.do_get(endpoint.ticket, self.options)

    def table(self, command: bytes) -> pa.Table:
        return self.reader(command).read_all()

    def act(self, name: str, body: bytes) -> list[bytes]:
        found = self.client.do_action(fl.Action(name, body), self.options)
        return [each.body.to_pybytes() for each in found]

    def put(self, command: bytes, *batches: pa.RecordBatch) -> bytes | None:
        """What the server answers to parameters."""
        descriptor = fl.FlightDescriptor.for_command(command)
        schema = batches[0].schema if batches else pa.schema([])
        writer, reader = self.client.do_put(descriptor, schema, self.options)
        with writer:
            for batch in batches:
                writer.write_batch(batch)
            writer.done_writing()
            answer = reader.read()
        return answer.to_pybytes() if answer is not None else None

    def prepare(self, sql: str) -> tuple[bytes, Fields]:
        """The handle of a prepared statement, and the whole answer."""
        body = pack("ActionCreatePreparedStatementRequest", length_field(1, sql.encode()))
        [answer] = self.act("CreatePreparedStatement", body)
        found = Fields(Fields(answer).bytes_of(2))
        return found.bytes_of(1), found


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that only the server's own progress brings about."""
    deadline = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def statement(sql: str) -> bytes:
    """CommandStatementQuery."""
    return pack("CommandStatementQuery", length_field(1, sql.encode()))


def prepared(handle: bytes) -> bytes:
    """CommandPreparedStatementQuery."""
    return pack("CommandPreparedStatementQuery", length_field(1, handle))


def metadata(name: str, **texts: str) -> bytes:
    """A metadata command; `f1="x"` sets field 1."""
    fields = b"".join(length_field(int(key[1:]), text.encode()) for key, text in texts.items())
    return pack(name, fields)
