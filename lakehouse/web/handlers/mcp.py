"""Handler of POST /mcp: one message in, one answer out; nothing is remembered between two of them."""

import secrets
from importlib.metadata import version

from aiohttp import web

from lakehouse.api.audit.entries import AuditRead
from lakehouse.domain.errors import CODES, RefusedError
from lakehouse.mcp import messages
from lakehouse.mcp.calls import call
from lakehouse.mcp.documents import McpRequest
from lakehouse.mcp.messages import Notification, ProtocolError
from lakehouse.mcp.protocol import ToolCall, respond
from lakehouse.mcp.results import failure, success
from lakehouse.service.service import Service
from lakehouse.service.sql.answers import Answer
from lakehouse.web.http import bodies
from lakehouse.web.http.audit_entry import READS, RESULT
from lakehouse.web.http.exchange import Exchange
from lakehouse.web.http.problems import REFUSED, answer

_REFUSALS = (401, 403, 429)
"""Statuses of refusals that the audit keeps."""


async def mcp(service: Service, exchange: Exchange) -> web.StreamResponse:
    """POST /mcp."""
    exchange.route.expect(exchange.route.body, McpRequest)
    body = await bodies.read_small(exchange, "a JSON body")
    try:
        message = messages.parse(body, exchange.request.headers)
        if isinstance(message, Notification):
            return web.Response(status=202)
        found = respond(message, version("lakehouse"))
    except ProtocolError as error:
        response = answer(error.answer)
        response.set_status(error.status)
        return response
    if isinstance(found, ToolCall):
        result = await _called(service, exchange, found)
        found = messages.answer(found.request, result)
    return answer(found)


async def _called(service: Service, exchange: Exchange, asked: ToolCall) -> dict[str, object]:
    """The result of a tool; a refusal is a result too, so that the agent reads its code."""
    request, mark = exchange.request, secrets.token_hex(8)

    def begun(found: Answer) -> None:
        request[RESULT] = found

    if (name := getattr(asked.arguments, "name", None)) is not None:
        request[READS] = (AuditRead(str(name), None),)
    try:
        content = await call(service, exchange.caller(), asked, exchange.query_id(), begun)
    except RefusedError as error:
        if CODES[error.refused.code].status in _REFUSALS:
            request[REFUSED] = error.refused
        return failure(error.refused, mark)
    return success(content, mark)
