"""Answers as JSON: what a use case returned, or a refusal as application/problem+json (RFC 9457)."""

from typing import Any

import msgspec
from aiohttp import web

from lakehouse.api.problem import Problem
from lakehouse.api.versioned import Versioned
from lakehouse.domain.errors import CODES, Refused

JSON = "application/json"
PROBLEM = "application/problem+json"

_ENCODER = msgspec.json.Encoder()


def problem(refused: Refused, request_id: str) -> web.Response:
    """The answer to a request that is refused."""
    code = CODES[refused.code]
    body = Problem(
        type=f"urn:lakehouse:error:{refused.code}",
        title=code.title,
        status=code.status,
        detail=_encodable(refused.detail),
        code=refused.code,
        request_id=request_id,
        retryable=code.retryable,
        hint=code.hint,
        errors=list(refused.errors) if refused.errors else msgspec.UNSET,
    )
    response = web.Response(status=code.status, body=_ENCODER.encode(body), content_type=PROBLEM)
    if refused.retry_after_s is not None:
        response.headers["Retry-After"] = str(refused.retry_after_s)
    return response


def _encodable(text: str) -> str:
    """`text` as valid UTF-8: it may quote a header with other bytes."""
    return text.encode("utf-8", "backslashreplace").decode()


def versioned(found: Versioned[Any]) -> web.Response:
    """A JSON answer; its seq goes into X-Journal-Seq."""
    response = answer(found.body)
    response.headers["X-Journal-Seq"] = str(found.seq)
    return response


def answer(body: object) -> web.Response:
    """A JSON answer that is about no event."""
    return web.Response(body=_ENCODER.encode(body), content_type=JSON)
