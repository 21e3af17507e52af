"""The lake's mask key: what makes the hashes of safe views those of this lake alone.

Owns `_access/mask.key`: created once, in the bucket, never in an event. Must never show the key to anyone
but a query's worker.
"""

import secrets

from journal.bucket.errors import BucketUnavailable, ObjectMissing
from journal.bucket.keys import MASK_KEY
from journal.bucket.port import Answer
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError

KEY_BYTES = 32


class MaskKey:
    """The key of one node's lake, read at most once."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._hex: str | None = None

    async def ensure(self) -> None:
        """Create the key unless the lake has one: the first creation counts."""
        if self._hex is None:
            created = await self._node.bucket.create(MASK_KEY, secrets.token_bytes(KEY_BYTES))
            if created.answer not in (Answer.CREATED, Answer.EXISTS):
                raise BucketUnavailable(f"{MASK_KEY} was not created: {created.detail}")

    async def hex(self) -> str:
        """The key as hex. Raises RefusedError `object_lost` where it was removed from the bucket.

        It is not made again then: hashes would silently be other ones.
        """
        if self._hex is None:
            try:
                self._hex = (await self._node.bucket.read(MASK_KEY)).hex()
            except ObjectMissing as error:
                detail = f"{MASK_KEY} is absent from the bucket; restore it from a backup"
                raise RefusedError(Refused("object_lost", detail)) from error
        return self._hex
