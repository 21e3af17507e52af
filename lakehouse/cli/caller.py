"""How a command reaches the service, and who it says is asking."""

import argparse
import getpass
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from lakehouse.config import Settings
from lakehouse.service.changes import Asking
from lakehouse.service.service import Service
from lakehouse.service.sql.queries import Asker
from lakehouse.wiring import service_of

_NOT_ASKED = (
    "bucket",
    "config",
    "secrets_file",
    "json",
    "reason",
    "idempotency_key",
    "file",
    "retry",
)


@asynccontextmanager
async def service_for(
    settings: Settings, *, queries: bool = False, begin: bool = False
) -> AsyncIterator[Service]:
    """A service for one command; only one that brings data may begin a lake, and tries the store."""
    one_worker = msgspec.structs.replace(settings, query_workers=1)
    async with service_of(
        one_worker, os.environ, lambda: None, queries=queries, begin=begin, probe=begin
    ) as service:
        yield service


def asker() -> Asker:
    """Who asks a question from here: user@host."""
    return Asker("cli", _actor())


def asking_for(service: Service, arguments: argparse.Namespace, route: str) -> Asking:
    """Who: user@host. What makes two requests the same: every word but where the bucket is."""
    words = {name: value for name, value in vars(arguments).items() if name not in _NOT_ASKED}
    return Asking(
        actor=_actor(),
        accepted_s=service.node.clock.monotonic(),
        reason=arguments.reason,
        key=arguments.idempotency_key,
        route=f"cli {route}",
        query=tuple((name, str(value)) for name, value in words.items()),
    )


def _actor() -> str:
    return f"{_user()}@{socket.gethostname()}"


def _user() -> str:
    """The user's name; its number where it has none, as in many a container."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid{os.getuid()}"
