"""`lakehouse nearest`: the rows of a dataset whose vector is nearest to one, as a table or as JSON."""

import argparse
import sys

import msgspec

from lakehouse.api.vectors import VectorSearchRequest
from lakehouse.cli.caller import caller_of, service_for
from lakehouse.cli.json_rows import read_rows
from lakehouse.cli.output import printing
from lakehouse.cli.output.tables import NULL, print_table
from lakehouse.config import Settings
from lakehouse.domain.errors import Refused, RefusedError


async def nearest(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse nearest NAME COLUMN VECTOR`."""
    request = _request(arguments)
    async with (
        service_for(settings, queries=True) as service,
        service.vectors.search(
            caller_of(service, arguments, "nearest"), request, "json", query_id="cli"
        ) as result,
    ):
        if arguments.json:
            body = b"".join([each async for each in result.chunks])
            sys.stdout.write(printing.escaped(body.decode()) + "\n")
            return 0
        answer = await read_rows(result.chunks, None)
    print_table(answer.names, answer.rows, null=NULL, pager=False)
    return 0


COMMANDS = {"nearest": nearest}


def _request(arguments: argparse.Namespace) -> VectorSearchRequest:
    """Raises RefusedError `usage`."""
    columns = arguments.columns.split(",") if arguments.columns else None
    body = {
        "dataset": arguments.name,
        "columns": columns,
        **{
            name: getattr(arguments, name)
            for name in ("column", "vector", "k", "filter", "metric", "as_of", "profile")
        },
    }
    try:
        return msgspec.convert(body, VectorSearchRequest)
    except msgspec.ValidationError as error:
        raise RefusedError(Refused("usage", str(error))) from error
