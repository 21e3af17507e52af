"""Refusals as application/problem+json (RFC 9457): the one place that shapes an error."""

import msgspec
from aiohttp import web

from lakehouse.domain.errors import CODES, Json, Refused

JSON = "application/json"
PROBLEM = "application/problem+json"

_ENCODER = msgspec.json.Encoder()


def problem(refused: Refused, request_id: str) -> web.Response:
    """The answer to a request that is refused."""
    code = CODES[refused.code]
    body: dict[str, Json] = {
        "type": f"urn:lakehouse:error:{refused.code}",
        "title": code.title,
        "status": code.status,
        "detail": _sendable(refused.detail),
        "code": refused.code,
        "request_id": request_id,
        "retryable": code.retryable,
        "hint": code.hint,
    }
    if refused.errors:
        body["errors"] = list(refused.errors)
    response = web.Response(status=code.status, body=_ENCODER.encode(body), content_type=PROBLEM)
    if refused.retry_after_s is not None:
        response.headers["Retry-After"] = str(refused.retry_after_s)
    return response


def _sendable(text: str) -> str:
    """`text` as UTF-8 can say it: a header that is quoted in it may have had other bytes."""
    return text.encode("utf-8", "backslashreplace").decode()


def answer(body: Json, seq: int | None = None, status: int = 200) -> web.Response:
    """A JSON answer; `seq` goes into X-Journal-Seq."""
    response = web.Response(status=status, body=_ENCODER.encode(body), content_type=JSON)
    if seq is not None:
        response.headers["X-Journal-Seq"] = str(seq)
    return response
