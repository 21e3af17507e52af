"""`lakehouse serve`: HTTP until SIGTERM or SIGINT."""

import argparse
import os

from lakehouse import logs
from lakehouse.config import Settings
from lakehouse.listening import bind
from lakehouse.roles import GATEWAY

OK, FAILED = 0, 1


async def serve(arguments: argparse.Namespace, settings: Settings) -> int:
    """Serve until a signal; 1 when a part of the server has failed."""
    listening = bind(settings)
    logs.configure(settings.log_level)
    if settings.role == GATEWAY:
        from lakehouse.gateway.serving import serve_gateway  # loads no lake: it must stay small

        return OK if await serve_gateway(settings, listening) else FAILED
    from lakehouse.serve import serve as serve_lake

    return OK if await serve_lake(settings, os.environ, listening) else FAILED


COMMANDS = {"serve": serve}
