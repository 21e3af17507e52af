"""`lakehouse serve`: HTTP until SIGTERM or SIGINT."""

import argparse
import os

from lakehouse import logs
from lakehouse.config import Settings
from lakehouse.serve import bind
from lakehouse.serve import serve as serve_http

OK, FAILED = 0, 1


async def serve(arguments: argparse.Namespace, settings: Settings) -> int:
    """Serve until a signal; 1 when a part of the server has failed."""
    listening = bind(settings)
    logs.configure(settings.log_level)
    return OK if await serve_http(settings, os.environ, listening) else FAILED


COMMANDS = {"serve": serve}
