"""The audit's entry for one request: a refused access, a read, or nothing.

Owns what of a request is recorded. Must never record a statement, a parameter, a header's text or a token:
the route comes from the table, the name from the path, relations and versions from the query itself.
"""

import re
from collections.abc import Callable
from urllib.parse import unquote

from aiohttp import web

from lakehouse.api.audit.entries import AuditEntry, AuditRead
from lakehouse.domain.errors import CODES
from lakehouse.service.access.authentication import Identity
from lakehouse.service.sql.answers import Answer
from lakehouse.web.http.connections.peer import Peer
from lakehouse.web.http.problems import REFUSED
from lakehouse.web.route import Route

RESULT = web.RequestKey("RESULT", Answer)
"""Set on a request that runs a query, once its result has begun."""
READS = web.RequestKey("READS", tuple)
"""Set on a request whose body names what it reads, or that runs several queries."""
IDENTITY = web.RequestKey("IDENTITY", Identity)
"""Set on a request once its token is proven."""
MATCHED = web.RequestKey("MATCHED", tuple)
"""Set on a request that matched a route: the route and the path's tail."""
UNAUDITED = ("/health", "/ready", "/metrics", "/openapi.json")
"""Reads of the process, not of the lake; so are all routes that are public."""
MAX_NAME = 256
_REFUSALS = (401, 403, 429)
_ABSENT = 404
_READ = (200, 206, 304, 499)
_TOKEN = re.compile(r"lh_[0-9A-Za-z]+_[0-9A-Za-z_-]+")


def is_audited_read(route: Route) -> bool:
    """Whether an answer of this route is a read that the audit keeps."""
    return not route.changes and not route.public and route.path not in UNAUDITED


def entry_of(
    request: web.BaseRequest,
    peer: Peer,
    request_id: str,
    status: int,
    seq: str | None,
    hides: Callable[[Identity, str], bool],
) -> AuditEntry | None:
    """The entry, or None for what the audit never keeps. `seq`: the answer's X-Journal-Seq.

    `hides`: whether a 404 about that name hid something from that principal.
    """
    route, tail = request.get(MATCHED, (None, ""))
    refused = request.get(REFUSED)
    proven = request.get(IDENTITY, Identity())
    by_path = (_named(tail),) if tail and status != 401 else ()
    named = request.get(READS) or by_path
    is_refusal = refused is not None and (
        CODES[refused.code].status in _REFUSALS
        or (status == _ABSENT and tail != "" and hides(proven, unquote(tail)))
    )
    if not is_refusal and not (route and is_audited_read(route) and status in _READ):
        return None
    result = request.get(RESULT)
    found = result.reads if result is not None else named
    return AuditEntry(
        kind="refused" if is_refusal else "read",
        principal=proven.principal,
        token=proven.token,
        address=peer.address,
        route=f"{route.method} {route.path}" if route else "none",
        request_id=request_id,
        status=status,
        code=refused.code if refused is not None else None,
        seq=int(seq) if seq is not None else None,
        reads=found,
        rows=result.row_count if result is not None else None,
    )


def _named(tail: str) -> AuditRead:
    return AuditRead(_TOKEN.sub("lh_…", unquote(tail)[:MAX_NAME]), None)
