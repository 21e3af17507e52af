"""A small Spark Connect server of our own, whose messages Google's protobuf reads and writes."""

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pyarrow as pa
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "spark.connect.SparkConnectService"
FIELDS = {
    "UserContext": [("user_id", 1, "string")],
    "SQL": [("query", 1, "string")],
    "Relation": [("sql", 10, "SQL")],
    "Plan": [("root", 1, "Relation")],
    "ExecutePlanRequest": [
        ("session_id", 1, "string"),
        ("user_context", 2, "UserContext"),
        ("plan", 3, "Plan"),
        ("client_type", 4, "string"),
    ],
    "ArrowBatch": [("row_count", 1, "int64"), ("data", 2, "bytes"), ("start_offset", 3, "int64")],
    "ExecutePlanResponse": [
        ("session_id", 1, "string"),
        ("arrow_batch", 2, "ArrowBatch"),
        ("response_id", 13, "string"),
    ],
    "ReleaseSessionRequest": [
        ("session_id", 1, "string"),
        ("user_context", 2, "UserContext"),
        ("client_type", 3, "string"),
    ],
    "ReleaseSessionResponse": [("session_id", 1, "string")],
}
"""The parts of Spark's base.proto and relations.proto that are used."""


def messages() -> dict[str, Any]:
    """The classes of the messages, by name."""
    file = descriptor_pb2.FileDescriptorProto(name="spark.proto", package="s", syntax="proto3")
    for name, parts in FIELDS.items():
        message = file.message_type.add(name=name)
        for part, number, kind in parts:
            field = message.field.add(name=part, number=number, label=1)
            if kind in FIELDS:
                field.type, field.type_name = 11, f".s.{kind}"
            else:
                field.type = {"string": 9, "bytes": 12, "int64": 3}[kind]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"s.{name}"))
        for name in FIELDS
    }


MESSAGES = messages()


class Spark:
    """A Spark Connect server that answers each statement by a function of its text."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[grpc.ServicerContext], Iterator[pa.Table]]] = {}
        self.requests: list[Any] = []
        self.released: list[Any] = []
        self.begun, self.ended, self.left = (threading.Event() for _ in range(3))
        self.server = grpc.server(ThreadPoolExecutor(4))
        handlers = {
            "ExecutePlan": grpc.unary_stream_rpc_method_handler(
                self._execute, MESSAGES["ExecutePlanRequest"].FromString, _bytes
            ),
            "ReleaseSession": grpc.unary_unary_rpc_method_handler(
                self._release, MESSAGES["ReleaseSessionRequest"].FromString, _bytes
            ),
        }
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        self.url = f"spark://127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def _execute(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        self.requests.append(request)
        context.add_callback(self.ended.set)
        self.begun.set()
        # Every answer has an id; some have nothing else.
        yield MESSAGES["ExecutePlanResponse"](session_id=request.session_id, response_id="1")
        for table in self.answers[request.plan.root.sql.query](context):
            sink = io.BytesIO()
            with pa.ipc.new_stream(sink, table.schema) as writer:
                writer.write_table(table)
            batch = MESSAGES["ArrowBatch"](
                row_count=table.num_rows, data=sink.getvalue(), start_offset=7
            )
            yield MESSAGES["ExecutePlanResponse"](arrow_batch=batch)

    def _release(self, request: Any, _: grpc.ServicerContext) -> Any:
        self.released.append(request)
        self.left.set()
        return MESSAGES["ReleaseSessionResponse"](session_id=request.session_id)


def _bytes(message: Any) -> bytes:
    return bytes(message.SerializeToString())
