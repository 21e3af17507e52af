"""One statement by Spark Connect: sent once, its result read as Arrow while it arrives. Blocking.

Owns the connection and the session. Must never send a statement again: it may be a change. Source:
spark/connect/base.proto and relations.proto of Apache Spark 4; a stream that gRPC ends with OK is whole.
"""

import re
import uuid
from collections.abc import Iterator
from itertools import chain

import grpc
import pyarrow as pa

from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.flight.wire import Fields, length_field

_ADDRESS = re.compile(r"spark://(\[[0-9a-fA-F:.]+\]|[^\s\[\]:/@?#]+):([0-9]{1,5})/?")
_SERVICE = "/spark.connect.SparkConnectService"
_RELEASE_S = 2.0
"""Time limit of the call that ends a session. Without the call the server ends it after a timeout."""
_LARGEST_MESSAGE_BYTES = 128 * 1024 * 1024
"""What Spark's own clients accept; its servers send batches of some 4 MB."""
_LARGEST_DETAIL = 1_024
_OPTIONS = (
    ("grpc.max_receive_message_length", _LARGEST_MESSAGE_BYTES),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
)
_CLIENT = b"lakehouse"
# The numbers of the fields in Spark's messages.
_SESSION_ID, _USER_CONTEXT, _PLAN, _CLIENT_TYPE = 1, 2, 3, 4
_RELEASE_CLIENT_TYPE = 3
_USER_ID = 1
_ROOT, _SQL, _QUERY = 1, 10, 1
_ARROW_BATCH = 2
_ROW_COUNT, _DATA = 1, 2


def address_of(engine: str) -> str:
    """HOST:PORT of `spark://HOST:PORT`. Raises RefusedError `usage`."""
    found = _ADDRESS.fullmatch(engine)
    if found is None or not 0 < int(found[2]) < 65_536:
        detail = f"--engine {engine[:256]}: expected spark://HOST:PORT"
        raise RefusedError(Refused("usage", detail))
    return f"{found[1]}:{found[2]}"


class SparkConnect:
    """A session on a Spark Connect server, for one statement. `close` cancels what still runs."""

    def __init__(self, engine: str, user: str, timeout_s: float) -> None:
        """Nothing is sent yet. Raises RefusedError `usage`."""
        self.failure: RefusedError | None = None
        """Why the result broke off: Arrow's stream keeps but the text of an error."""
        self._engine = engine
        self._timeout_s = timeout_s
        self._channel = grpc.insecure_channel(address_of(engine), options=_OPTIONS)
        context = length_field(_USER_ID, user.encode())
        session_id = length_field(_SESSION_ID, str(uuid.uuid4()).encode())
        self._session = session_id + length_field(_USER_CONTEXT, context)
        self._is_asked = False
        self._answers: grpc.Call | None = None

    def run(self, sql: str) -> pa.RecordBatchReader:
        """Send the statement and wait for its first rows; the others come as they are read.

        Raises RefusedError: `engine_unavailable`, `engine_error`, `query_timeout`, `query_cancelled`.
        """
        relation = length_field(_SQL, length_field(_QUERY, sql.encode()))
        plan = length_field(_PLAN, length_field(_ROOT, relation))
        request = self._session + plan + length_field(_CLIENT_TYPE, _CLIENT)
        call = self._channel.unary_stream(f"{_SERVICE}/ExecutePlan")
        # Before the call returns, the server may have the statement, and this thread may be left behind.
        self._is_asked = True
        self._answers = call(request, timeout=self._timeout_s)
        tables = self._tables(self._answers)
        first = next(tables, None)
        if first is None or not len(first.schema):
            raise RefusedError(self.refused("the statement ran and has no result"))
        batches = self._batches(first, tables)
        return pa.RecordBatchReader.from_batches(first.schema, batches)

    def close(self) -> None:
        """Cancel the statement, if it runs, and end the session."""
        if self._answers is not None:
            self._answers.cancel()
        if self._is_asked:
            request = self._session + length_field(_RELEASE_CLIENT_TYPE, _CLIENT)
            release = self._channel.unary_unary(f"{_SERVICE}/ReleaseSession")
            try:
                release(request, timeout=_RELEASE_S)
            except grpc.RpcError:
                pass  # the server has ended, or has ended the session
        self._channel.close()

    def _batches(self, first: pa.Table, more: Iterator[pa.Table]) -> Iterator[pa.RecordBatch]:
        try:
            for table in chain((first,), more):
                if table.schema != first.schema:
                    raise RefusedError(self.refused("its batches have different columns"))
                yield from table.to_batches()
        except RefusedError as error:
            self.failure = error
            raise

    def _tables(self, answers: Iterator[bytes]) -> Iterator[pa.Table]:
        """The rows of each message that has some, or has their columns."""
        try:
            for body in answers:
                yield from self._tables_in(body)
        except grpc.RpcError as error:
            raise RefusedError(self._failed(error)) from error

    def _tables_in(self, body: bytes) -> list[pa.Table]:
        """The rows of a message, none or one table. Raises RefusedError `engine_error`."""
        try:
            answer = Fields(body)
            if not answer.has(_ARROW_BATCH):
                return []
            batch = Fields(answer.bytes_of(_ARROW_BATCH))
            with pa.ipc.open_stream(batch.bytes_of(_DATA)) as stream:
                table = stream.read_all()
        except (RefusedError, pa.ArrowInvalid) as error:
            raise RefusedError(self.refused(f"cannot read its answer: {error}")) from error
        if table.num_rows != batch.number(_ROW_COUNT):
            detail = f"its answer has {table.num_rows} rows instead of {batch.number(_ROW_COUNT)}"
            raise RefusedError(self.refused(detail))
        return [table]

    def _failed(self, error: grpc.RpcError) -> Refused:
        code, detail = error.code(), str(error.details())
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            limit = f"the query took longer than {self._timeout_s:g} s"
            return Refused("query_timeout", f"{self._engine}: {limit}")
        if code is grpc.StatusCode.CANCELLED:
            return Refused("query_cancelled", f"{self._engine}: {_one_line(detail)}")
        if code is grpc.StatusCode.UNAVAILABLE:
            return Refused("engine_unavailable", f"{self._engine}: {_one_line(detail)}")
        return self.refused(detail)

    def refused(self, detail: str) -> Refused:
        """A refusal with a reason of the engine, or about it."""
        return Refused("engine_error", f"{self._engine}: {_one_line(detail)}")


def _one_line(text: str) -> str:
    """The first line that is not empty. Further lines of a JVM are its stack trace."""
    lines = (line.strip() for line in text.splitlines())
    return next(filter(None, lines), "it gave no reason")[:_LARGEST_DETAIL]
