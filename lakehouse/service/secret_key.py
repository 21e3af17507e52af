"""Secrets of the lake: random bytes that all of its processes share, in the bucket and in no event.

Owns how one is created: once, by the first process that needs it. Must never show a key to a user: that of
masks goes to a query's worker alone, that of sessions to no other process.
"""

import secrets

from journal.bucket.errors import BucketUnavailable, ObjectMissing
from journal.bucket.port import Answer
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError

KEY_BYTES = 32


class SecretKey:
    """One key of one node's lake, read at most once. `place`: its key in the bucket."""

    def __init__(self, node: Node, place: str) -> None:
        self._node = node
        self._place = place
        self._hex: str | None = None

    async def ensure(self) -> None:
        """Create the key unless the lake has one: the first creation counts."""
        if self._hex is None:
            created = await self._node.bucket.create(self._place, secrets.token_bytes(KEY_BYTES))
            if created.answer not in (Answer.CREATED, Answer.EXISTS):
                raise BucketUnavailable(f"{self._place} was not created: {created.detail}")

    async def hex(self) -> str:
        """The key as hex. Raises RefusedError `object_lost` where it was removed from the bucket.

        It is not made again then: what was made with it would silently be other.
        """
        if self._hex is None:
            try:
                self._hex = (await self._node.bucket.read(self._place)).hex()
            except ObjectMissing as error:
                detail = f"{self._place} is absent from the bucket; restore it from a backup"
                raise RefusedError(Refused("object_lost", detail)) from error
        return self._hex
