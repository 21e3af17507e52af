"""Handler of POST /v1/sql."""

from typing import Annotated, Any

import msgspec
from aiohttp import web

from lakehouse.errors import Refused, RefusedError
from lakehouse.query import Query
from lakehouse.service import Service
from lakehouse.web import bodies
from lakehouse.web.exchange import Exchange
from lakehouse.web.problems import JSON

Milliseconds = Annotated[int, msgspec.Meta(ge=1, le=24 * 3600 * 1000)]
ANY = ("*/*", "application/*", JSON)


class Question(msgspec.Struct, frozen=True):
    """The body of POST /v1/sql. Unknown members are ignored."""

    sql: str
    params: list[Any] | dict[str, Any] | None = None
    as_of: int | str | None = None
    timeout_ms: Milliseconds | None = None
    format: str | None = None


async def run(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /v1/sql: streamed; a result that fails midway breaks its connection."""
    question, _ = await bodies.read_json(exchange, Question)
    _check_format(question.format, exchange.request.headers.get("Accept"))
    timeout_s = question.timeout_ms / 1000 if question.timeout_ms else None
    query = Query(question.sql, question.params, timeout_s)
    async with service.sql.run(query, question.as_of) as (result, seq):
        headers = {"Content-Type": JSON, "X-Journal-Seq": str(seq)}
        response = web.StreamResponse(headers=headers)
        await exchange.begin(response)
        async for chunk in result.chunks:
            await response.write(chunk)
    return response


def _check_format(named: str | None, accept: str | None) -> None:
    """JSON is what there is. A q of 0 is not told apart: nobody sends one for JSON."""
    accepted = [part.partition(";")[0].strip().lower() for part in (accept or "*/*").split(",")]
    wanted = named.lower() in ("json", JSON) if named else any(each in ANY for each in accepted)
    if not wanted:
        raise RefusedError(Refused("not_acceptable", f"results come as {JSON}"))
