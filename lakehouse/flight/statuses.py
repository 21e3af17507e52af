"""Refusals as the errors of Flight: the code in the message, and the matching status of gRPC.

pyarrow decides the status by the type of the exception. For INVALID_ARGUMENT, NOT_FOUND and UNIMPLEMENTED
it has no Flight error, so the message would end with Python's traceback, paths of this machine
included: ops/decisions/flight-sql-by-pyarrow.md. Must never let a traceback out.
"""

import pyarrow as pa
import pyarrow.flight as fl

from lakehouse.domain.errors import CODES, Refused


class _Untraced(Exception):
    """pyarrow names the type alone where the traceback module fails on the exception."""

    @property
    def __suppress_context__(self) -> bool:  # type: ignore[override]
        raise RuntimeError("no traceback of this exception may be formatted")


class InvalidArgument(_Untraced, ValueError):
    """INVALID_ARGUMENT."""


class NotFound(_Untraced, pa.ArrowKeyError):  # type: ignore[misc]
    """NOT_FOUND."""


class Unimplemented(_Untraced, NotImplementedError):
    """UNIMPLEMENTED."""


class Unknown(_Untraced):
    """UNKNOWN."""


_BY_CODE: dict[str, type[Exception]] = {
    "query_cancelled": fl.FlightCancelledError,
    "query_timeout": fl.FlightTimedOutError,
}
_BY_STATUS: dict[int, type[Exception]] = {
    401: fl.FlightUnauthenticatedError,
    403: fl.FlightUnauthorizedError,
    404: NotFound,
    410: NotFound,
    429: fl.FlightUnavailableError,
    502: fl.FlightUnavailableError,
    503: fl.FlightUnavailableError,
    500: fl.FlightInternalError,
    507: fl.FlightServerError,
}
"""Other statuses below 500 are InvalidArgument, those above FlightServerError."""


def error_of(refused: Refused) -> Exception:
    """The exception to raise in an RPC for a refusal."""
    status = CODES[refused.code].status
    other = InvalidArgument if status < 500 else fl.FlightServerError
    kind = _BY_CODE.get(refused.code) or _BY_STATUS.get(status, other)
    return kind(f"{refused.code}: {refused.detail}")
