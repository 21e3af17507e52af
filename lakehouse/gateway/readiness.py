"""Whether the roles behind a gateway can serve. Owns the time limit of that check."""

import asyncio
from contextlib import suppress

import msgspec
from multidict import CIMultiDict

from lakehouse.api.problem import Problem
from lakehouse.api.status import GatewayReady, Ready
from lakehouse.domain.errors import Json, Refused, RefusedError
from lakehouse.gateway.upstreams import LOST, Upstreams, unavailable
from lakehouse.roles import CATALOG

READY_S = 6.0
"""One second more than the maximum time in which a role answers that it is not ready."""


async def ready(upstreams: Upstreams) -> GatewayReady:
    """The state of each role. One that is ready is enough: requests for the others are refused.

    Raises RefusedError `roles_unavailable` when none is, with each role and why.
    """
    found = await asyncio.gather(*(_state(upstreams, role) for role in upstreams.roles))
    states = dict(zip(upstreams.roles, found, strict=True))
    seqs = [each for each in found if isinstance(each, int)]
    if not seqs:
        detail = f"no role is ready: {', '.join(f'{role} ({why})' for role, why in states.items())}"
        missing: list[dict[str, Json]] = [
            {"role": role, "code": why} for role, why in states.items()
        ]
        raise RefusedError(Refused("roles_unavailable", detail, tuple(missing)))
    named = {role: "ready" if isinstance(each, int) else each for role, each in states.items()}
    return GatewayReady("ready", max(seqs), named)


async def protects(upstreams: Upstreams) -> bool:
    """Whether the lake has a principal, so that a request without a token is refused.

    Raises RefusedError `upstream_unavailable` when the catalog does not answer.
    """
    try:
        async with asyncio.timeout(READY_S):
            target = "/v1/access/me"
            async with await upstreams.send(CATALOG, "GET", target, CIMultiDict()) as answer:
                return answer.status == 401
    except LOST as error:
        raise RefusedError(unavailable(CATALOG, "it does not answer")) from error


async def _state(upstreams: Upstreams, role: str) -> int | str:
    """The event up to which a role has read, or the code of why it is not ready."""
    code = "upstream_unavailable"
    with suppress(RefusedError, msgspec.DecodeError, *LOST):
        async with asyncio.timeout(READY_S):
            async with await upstreams.send(role, "GET", "/ready", CIMultiDict()) as answer:
                body = await answer.read()
                if answer.status == 200:
                    return msgspec.json.decode(body, type=Ready).seq
                code = msgspec.json.decode(body, type=Problem).code
    return code
