"""Signed tokens of one issuer: their keys, fetched and kept, and whom each token names.

Owns the keys and the one attempt to fetch them. Needs no request to the bucket. Must never hold up the
lake's own tokens: only a signed token waits for the issuer, for FETCH_S at most.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from journal.clock import Clock
from journal.slot import format_at
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.access.oidc.issuer import IssuerFault, fetched_keys, unavailable
from lakehouse.service.access.oidc.key_times import KeyTimes
from lakehouse.service.access.oidc.signed_token import (
    InvalidToken,
    Key,
    PublicKey,
    TokenHeader,
    header_of,
    imported,
    key_for,
    subject_of,
)

Fetch = Callable[[str], Awaitable[list[dict[str, Any]]]]
log = structlog.get_logger()


class SignedTokens:
    """The tokens of one issuer for one audience; `claim` names the principal."""

    def __init__(
        self, clock: Clock, issuer: str, audience: str, claim: str, fetch: Fetch = fetched_keys
    ) -> None:
        self._clock = clock
        self._issuer = issuer
        self._audience = audience
        self._claim = claim
        self._fetch = fetch
        self._times = KeyTimes()
        self._keys: tuple[Key, ...] = ()
        self._fetching: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """End an attempt that is under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def subject(self, token: str) -> tuple[str, str]:
        """(the name of the principal, until when the token is valid).

        Raises RefusedError `unauthenticated`, and `issuer_unavailable` while no keys are known.
        """
        try:
            header = header_of(token)
            key = await self._key(header)
            now_s = self._clock.now().timestamp()
            name, until_s = subject_of(
                *(token, header, key, self._issuer, self._audience, self._claim, now_s)
            )
        except InvalidToken as error:
            detail = f"the signed token does not count: {error}"
            raise RefusedError(Refused("unauthenticated", detail)) from error
        return name, format_at(datetime.fromtimestamp(until_s, UTC))

    async def _key(self, header: TokenHeader) -> PublicKey:
        now_s = self._clock.monotonic()
        found = key_for(header, self._keys) if self._times.are_usable(now_s) else None
        if found is None or self._times.are_old(now_s):
            fetching = self._begin(now_s)
            if found is None and fetching is not None:
                await asyncio.shield(fetching)
                found = key_for(header, self._keys)
        if not self._times.are_usable(self._clock.monotonic()):
            raise unavailable()
        if found is None:
            raise InvalidToken("its key is none of the issuer's")
        return found

    def _begin(self, now_s: float) -> asyncio.Task[None] | None:
        """The attempt that is under way, or a new one where one may begin."""
        if self._fetching is None and self._times.may_try(now_s):
            self._times = self._times.tried(now_s)
            self._fetching = asyncio.create_task(self._refresh())
        return self._fetching

    async def _refresh(self) -> None:
        """Fetch the keys. After a failure the present ones stay."""
        try:
            self._keys = imported(await self._fetch(self._issuer))
            self._times = self._times.fetched(self._clock.monotonic())
        except IssuerFault as error:
            log.warning("issuer_keys_not_fetched", issuer=self._issuer, detail=str(error))
        finally:
            self._fetching = None
