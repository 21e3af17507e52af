"""Answers as JSON: what a use case returned, or a refusal as application/problem+json (RFC 9457)."""

from typing import Any

import msgspec
import structlog
from aiohttp import web

from lakehouse.api.problem import Problem
from lakehouse.api.versioned import Versioned
from lakehouse.domain.errors import CODES, Refused
from lakehouse.service.access.authentication import BEARER_CHALLENGE, CHALLENGE
from lakehouse.web.browser.page_problem import PAGE_PROBLEM
from lakehouse.web.http.iceberg_problems import ROOT as ICEBERG
from lakehouse.web.http.iceberg_problems import iceberg_problem
from lakehouse.web.http.problem_size import encoded_problem

JSON = "application/json"
PROBLEM = "application/problem+json"

REFUSED = web.RequestKey("REFUSED", Refused)
"""Set on a request that was refused."""
_ENCODER = msgspec.json.Encoder()

log = structlog.get_logger()


def refuse(request: web.BaseRequest, refused: Refused, identity: str) -> web.Response:
    """The answer to a refused request; if an answer has begun, the connection is closed instead."""
    if request.writer.output_size > 0:
        log.warning("answer_broken_off", code=refused.code, detail=refused.detail)
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError(refused.code)
    if request.raw_path.startswith(ICEBERG):
        response = iceberg_problem(refused)
    elif (as_page := request.get(PAGE_PROBLEM)) is not None:
        response = as_page(request, refused, identity)
    else:
        response = problem(refused, identity)
    if refused.code == "unauthenticated":
        response.headers["WWW-Authenticate"] = _challenge(request)
    if refused.code == "method_not_allowed":
        response.headers["Allow"] = ", ".join(str(row["allow"]) for row in refused.errors)
    return response


def _challenge(request: web.BaseRequest) -> str:
    """The value of `WWW-Authenticate`: for Basic, a browser would open a dialog of its own."""
    from_script = "Sec-Fetch-Mode" in request.headers
    return BEARER_CHALLENGE if PAGE_PROBLEM in request or from_script else CHALLENGE


def problem(refused: Refused, request_id: str) -> web.Response:
    """The answer to a request that is refused."""
    body = encoded_problem(problem_of(refused, request_id))
    status = CODES[refused.code].status
    response = web.Response(status=status, body=body, content_type=PROBLEM)
    if refused.retry_after_s is not None:
        response.headers["Retry-After"] = str(refused.retry_after_s)
    return response


def problem_of(refused: Refused, request_id: str) -> Problem:
    """A refusal as its answer describes it."""
    code = CODES[refused.code]
    return Problem(
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
