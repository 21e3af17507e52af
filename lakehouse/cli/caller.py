"""How a command opens the service, and the caller that it passes to each use case."""

import argparse
import getpass
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import msgspec

from lakehouse.config import Settings
from lakehouse.no_lake import NoLake
from lakehouse.service.caller import CLI, Caller

if TYPE_CHECKING:
    from lakehouse.service.service import Service

_NOT_COMPARED = (
    "bucket",
    "url",
    "token_file",
    "config",
    "secrets_file",
    "json",
    "reason",
    "idempotency_key",
    "file",
    "retry",
    "no_pager",
)
"""Arguments in which two requests with the same idempotency key may differ."""


@asynccontextmanager
async def service_for(
    settings: Settings,
    *,
    queries: bool = False,
    one_worker: bool = True,
    no_lake: NoLake = NoLake.REFUSE,
) -> AsyncIterator["Service"]:
    """A service for one command. One that may create a lake checks the store's promises first.

    `one_worker`: the command runs one query at a time; else the setting `query_workers` holds.
    With the setting `url` it is a RemoteService, which has the calls of a service that commands use.
    """
    if settings.url is not None:
        from lakehouse.cli.remote.connection import connected
        from lakehouse.cli.remote.service import RemoteService

        with connected(settings, os.environ, actor()) as lake:
            yield cast("Service", RemoteService(lake.http))
        return

    from lakehouse.wiring import service_of  # loads the whole service, which a server has

    if one_worker:
        settings = msgspec.structs.replace(settings, query_workers=1)
    async with service_of(
        settings,
        os.environ,
        lambda: None,
        queries=queries,
        no_lake=no_lake,
        probe=no_lake is NoLake.CREATE,
    ) as service:
        yield service


def caller_of(service: "Service", arguments: argparse.Namespace, route: str) -> Caller:
    """The caller of a command: user@host. Two commands are the same request when their arguments
    are the same, except those of _NOT_COMPARED."""
    compared = {name: value for name, value in vars(arguments).items() if name not in _NOT_COMPARED}
    return Caller(
        actor=actor(),
        door=CLI,
        accepted_s=service.clock.monotonic(),
        reason=getattr(arguments, "reason", None),
        idempotency_key=getattr(arguments, "idempotency_key", None),
        route=f"cli {route}",
        query=tuple((name, str(value)) for name, value in compared.items()),
    )


def actor() -> str:
    return f"{_user()}@{socket.gethostname()}"


def _user() -> str:
    """The user's name, or `uid` and its number where it has none, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid{os.getuid()}"
