"""Fetches the public keys of the one issuer that the settings name.

Owns the two requests, bounded in time and size. Must never follow a redirect, nor a URL that a token
names; and never send anything of a token.
"""

from typing import Any

import aiohttp
import msgspec

from lakehouse.domain.errors import Refused, RefusedError

FETCH_S = 5.0
MAX_BYTES = 256 * 1024
DISCOVERY = "/.well-known/openid-configuration"


class IssuerFault(Exception):
    """The issuer's answer is invalid; the message says why."""


class _Discovered(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


async def fetched_keys(issuer: str) -> list[dict[str, Any]]:
    """The JSON Web Keys of the issuer, as it publishes them. Raises IssuerFault."""
    timeout = aiohttp.ClientTimeout(total=FETCH_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            url = issuer.rstrip("/") + DISCOVERY
            found = msgspec.json.decode(await _body(session, url), type=_Discovered)
            if found.issuer != issuer:
                raise IssuerFault(f"{url} names the issuer {found.issuer[:256]!r}")
            if not found.jwks_uri.startswith("https://") and issuer.startswith("https://"):
                raise IssuerFault(f"{url} names keys that do not come by https")
            return msgspec.json.decode(await _body(session, found.jwks_uri), type=_KeySet).keys
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise IssuerFault(f"{type(error).__name__}: {error}") from error


async def _body(session: aiohttp.ClientSession, url: str) -> bytes:
    async with session.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise IssuerFault(f"{url} answered {response.status}")
        body = await response.content.read(MAX_BYTES + 1)
        while len(body) <= MAX_BYTES and (piece := await response.content.read(MAX_BYTES)):
            body += piece
        if len(body) > MAX_BYTES:
            raise IssuerFault(f"{url} answered more than {MAX_BYTES:,} bytes")
        return body


def unavailable() -> RefusedError:
    """The answer while no keys are known."""
    detail = "the keys of the issuer of signed tokens could not be fetched"
    return RefusedError(Refused("issuer_unavailable", detail, retry_after_s=round(FETCH_S)))
