"""What an engine needs to read the objects of a table without the server: the store's address, and
keys.

The keys read every object of the lake, so only a caller who may read everything gets any. Must never
give the keys that the server itself uses.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

from journal.bucket.s3.read_keys import ReadKeys
from journal.clock import Clock
from lakehouse.service.access.permissions import Permissions

REMAINING = timedelta(minutes=30)
"""For how long keys that are given are valid at least, if their issuer gives an hour."""
REMEMBERED = 256
"""How many keys are reused while they are valid for long enough: one for readers, one for each table's
writers."""
Issue = Callable[[str | None], Awaitable[ReadKeys]]
"""New keys that read the lake; they also write below a prefix if there is one."""


class Vending:
    """Gives settings and keys to the clients of the Iceberg catalog."""

    def __init__(
        self, settings: Mapping[str, str], clock: Clock | None = None, issue: Issue | None = None
    ) -> None:
        """`settings`: of the store, for everybody. Without `issue` nobody gets keys; it needs `clock`."""
        self._settings = dict(settings)
        self._clock = clock
        self._issue = issue
        self._issued: dict[str | None, ReadKeys] = {}
        self._issuing = asyncio.Lock()

    async def config(self, held: Permissions, staging: str | None = None) -> dict[str, str]:
        """The settings, and keys for a caller who may read everything; they write below `staging`.

        Raises BucketError.
        """
        if self._issue is None or not held.reads_everything:
            return dict(self._settings)
        async with self._issuing:
            keys = self._issued.get(staging)
            if keys is None or self._is_short(keys):
                if len(self._issued) >= REMEMBERED:
                    self._issued.clear()
                keys = self._issued[staging] = await self._issue(staging)
        return self._settings | _named(keys)

    def _is_short(self, keys: ReadKeys) -> bool:
        """Whether keys are to be renewed; a pair without an end may have been changed in its file."""
        if keys.expires_at is None or self._clock is None:
            return True
        return keys.expires_at - self._clock.now() < REMAINING


NO_VENDING = Vending({})


def store_settings(endpoint_url: str | None, region: str) -> dict[str, str]:
    """The settings of an S3 store, as Iceberg's clients name them."""
    found = {"s3.region": region, "client.region": region}
    if endpoint_url is not None:
        found |= {"s3.endpoint": endpoint_url, "s3.path-style-access": "true"}
    return found


def _named(keys: ReadKeys) -> dict[str, str]:
    found = {
        "s3.access-key-id": keys.access_key_id,
        "s3.secret-access-key": keys.secret_access_key,
    }
    if keys.session_token is not None:
        found["s3.session-token"] = keys.session_token
    if keys.expires_at is not None:
        expires_ms = int(keys.expires_at.timestamp() * 1000)
        found["s3.session-token-expires-at-ms"] = str(expires_ms)
    return found
