"""`lakehouse mcp`: the Model Context Protocol over stdin and stdout, until stdin ends."""

import argparse
import asyncio
import os
import secrets
import sys
import threading
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.remote.connection import connected
from lakehouse.client.agent_relay import ToolCallback, of_server, relay
from lakehouse.client.calls_under_way import Cancellation
from lakehouse.client.error import Error
from lakehouse.client.lake import Lake
from lakehouse.config import ConfigError, Settings
from lakehouse.domain.errors import RefusedError
from lakehouse.mcp.messages import answer
from lakehouse.mcp.protocol import ToolCall
from lakehouse.mcp.results import failure, success

if TYPE_CHECKING:
    from lakehouse.service.service import Service

OK = 0


async def mcp(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse mcp`: ends when stdin does."""
    if settings.url is not None:
        connected(settings, os.environ).close()  # settings that cannot be used are refused at once
        await _relayed(of_server(partial(_connected, settings)))
        return OK
    if arguments.token_file is not None:
        raise ConfigError("--token-file belongs to --url: a bucket needs no token")
    async with service_for(settings, queries=True, one_worker=False) as service:
        await _relayed(_in_process(service, arguments))
    return OK


def _connected(settings: Settings) -> Lake:
    try:
        return connected(settings, os.environ)
    except ConfigError as error:  # the file of the token has changed
        raise Error("usage", str(error)) from error


async def _relayed(call: ToolCallback) -> None:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def work() -> None:
        try:
            relay(sys.stdin.buffer, sys.stdout.buffer, call)
        except Exception as error:  # noqa: BLE001  # raised where `ended` is awaited
            loop.call_soon_threadsafe(ended.set_exception, error)
        else:
            loop.call_soon_threadsafe(ended.set_result, None)

    # A daemon: a read of stdin cannot be cancelled, and must not keep the process after Ctrl-C.
    threading.Thread(target=work, name="mcp", daemon=True).start()
    await ended


def _in_process(service: "Service", arguments: argparse.Namespace) -> ToolCallback:
    from lakehouse.mcp.calls import call as call_tool  # not at the top: --url needs no service
    from lakehouse.service.service import FAULTS

    loop = asyncio.get_running_loop()

    async def result(asked: ToolCall) -> dict[str, Any]:
        caller, mark = caller_of(service, arguments, "mcp"), secrets.token_hex(8)
        query_id = uuid.uuid4().hex
        try:
            return success(await call_tool(service, caller, asked, query_id, lambda _: None), mark)
        except RefusedError as error:
            return failure(error.refused, mark)
        except FAULTS as error:
            return failure(service.failure(error), mark)

    def call(asked: ToolCall, _: bytes, cancellation: Cancellation) -> bytes:
        future = asyncio.run_coroutine_threadsafe(result(asked), loop)
        cancellation.ends_by(future.cancel)
        return msgspec.json.encode(answer(asked.request, future.result()))

    return call


COMMANDS = {"mcp": mcp}
