"""Storage: objects under keys that users choose, each change of bytes a new version."""

from collections.abc import AsyncIterator

import msgspec

from journal.bucket.keys import is_reserved, key_fault, object_blob
from lakehouse.api import receipts
from lakehouse.api.receipts import Listing, Receipt
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, ForgetObject, StoreObject
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.process.spool import Spooled
from lakehouse.service import snapshot
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, mint, settle
from lakehouse.service.objects import VerifiedObjects
from projections import inventory
from projections.inventory import Stored


class Storage:
    """Put, find, list and forget objects."""

    def __init__(self, node: Node, objects: VerifiedObjects) -> None:
        self._node = node
        self._objects = objects

    async def put(
        self, key: str, body: Spooled, content_type: str, caller: Caller, *, only_if_absent: bool
    ) -> Receipt:
        """Store a spooled body as the key's current version: {key, size_bytes, sha256, seq}.

        Raises RefusedError: `invalid_key`, `key_exists`, and what settle raises.
        """
        check_key(key, writing=True)

        async def upload(command: Command, step: DataStep) -> Command:
            if step not in (DataStep.UPLOAD, DataStep.UPLOAD_AGAIN):
                raise ValueError(f"a put has no step {step}")
            blob = object_blob(body.sha256, mint(self._node))
            await self._node.bucket.upload(blob, body.content)
            return msgspec.structs.replace(command, blob=blob)

        command = StoreObject(
            *(key, body.size_bytes, body.sha256, content_type, None, only_if_absent),
            body.block_hashes,
        )
        settled = await settle(self._node, command, caller, body.sha256, upload)
        version = inventory.current(settled.state.inventory, key)
        if version is None:
            raise RefusedError(Refused("object_lost", f"{key!r} was stored and is unknown now"))
        return Receipt(receipts.stored(version), settled.seq)

    async def forget(self, key: str, caller: Caller) -> Receipt:
        """Let the key name nothing. Raises RefusedError: `invalid_key`, `object_in_use`."""
        check_key(key, writing=True)
        settled = await settle(self._node, ForgetObject(key), caller, NOTHING_SHA256)
        return Receipt({}, settled.seq)

    async def find(self, key: str, as_of: str | None) -> tuple[Stored, int]:
        """The version that the key names, and the seq of the state that says so.

        Raises RefusedError: `invalid_key`, `object_not_found`, `objects_collected`.
        """
        check_key(key, writing=False)
        state = await snapshot.state_as_of(self._node, as_of)
        version = inventory.current(state.inventory, key)
        if version is None:
            raise RefusedError(Refused("object_not_found", f"no object has the key {key!r}"))
        if inventory.lost_to(self._node.state.inventory, version.blob) is not None:
            raise RefusedError(snapshot.gone(self._node.state, version.blob))
        return version, state.head.seq

    async def read(
        self, version: Stored, start: int = 0, length: int | None = None
    ) -> AsyncIterator[bytes]:
        """The bytes of a version, or `length` of them from `start`. Raises as `pieces` does."""
        return await self._objects.pieces(version, start, length)

    async def list(self, prefix: str, after: str, limit: int, as_of: str | None) -> Listing:
        """Up to `limit` keys with `prefix` that sort after `after`, in byte order."""
        state = await snapshot.state_as_of(self._node, as_of)
        found = inventory.in_key_order(state.inventory, prefix, after)
        page = found[:limit]
        more = page[-1].key if len(found) > limit else None
        return Listing([receipts.listed(version) for version in page], more, state.head.seq)


def check_key(key: str, *, writing: bool) -> None:
    """Raises RefusedError `invalid_key` for a key that no object may have, or no user may change."""
    if fault := key_fault(key):
        raise RefusedError(Refused("invalid_key", fault))
    if writing and is_reserved(key):
        raise RefusedError(Refused("invalid_key", "keys below that prefix are the lakehouse's own"))
