"""Refusals below /iceberg/, in the form that Iceberg's clients read."""

import msgspec
from aiohttp import web

from lakehouse.api.engines.iceberg import IcebergError, IcebergErrorDetail
from lakehouse.domain.errors import CODES, Refused

ROOT = "/iceberg/"
_TYPES = {
    "dataset_not_found": "NoSuchTableException",
    "namespace_not_found": "NoSuchNamespaceException",
    "unauthenticated": "NotAuthorizedException",
    "forbidden": "ForbiddenException",
    "unsupported_operation": "UnsupportedOperationException",
    "expectation_failed": "CommitFailedException",
    "not_found": "NoSuchEndpointException",
}


def iceberg_problem(refused: Refused) -> web.Response:
    """The answer to a request to the Iceberg catalog that is refused."""
    status = CODES[refused.code].status
    fallback = "BadRequestException" if status < 500 else "ServiceFailureException"
    message = refused.detail.encode("utf-8", "backslashreplace").decode()
    error = IcebergErrorDetail(message, _TYPES.get(refused.code, fallback), status)
    body = msgspec.json.encode(IcebergError(error))
    response = web.Response(status=status, body=body, content_type="application/json")
    if refused.retry_after_s is not None:
        response.headers["Retry-After"] = str(refused.retry_after_s)
    return response
