"""Staged files: read, judged and uploaded, and committed later by a change set.

Owns the descriptor of a staged file: a blob that no event names, so that gc collects it and its objects
once they are a day old. Must never be a fact: nothing in the journal depends on a descriptor.
"""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from journal.bucket.errors import ObjectMissing
from journal.bucket.keys import OBJECTS, object_blob
from journal.slot import format_at, sha256_hex
from lakehouse.commit.node import Node
from lakehouse.domain.commands import IngestDataset
from lakehouse.service.caller import Caller
from lakehouse.service.changes import mint

VALID = timedelta(hours=23)
"""An hour less than gc leaves to what was never registered: a change may wait for an hour."""
MAX_BYTES = 8 * 1024 * 1024
"""Its content must fit one event in the end."""
_ID = re.compile(r"([0-9a-f]{64})-[0-9a-f]{8}-[0-9]{1,16}-[0-9a-z]{1,32}")


class StagedFile(msgspec.Struct, frozen=True):
    """The descriptor: the change that was judged, with its uploaded objects."""

    staged_file: int
    """The version of this form: 1."""
    expires_at: str
    ingest: IngestDataset
    principal: str | None = None
    """Who staged it, and alone may commit it; None: staged in an open lake, or on the bucket."""


_DECODER = msgspec.json.Decoder(StagedFile)


class Staging:
    """The staged files of one node's lake."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def store(
        self, caller: Caller, ingest: IngestDataset, began_at: datetime
    ) -> tuple[str, str]:
        """Store the descriptor; its id and until when it is valid. `began_at`: before any upload."""
        expires_at = format_at(began_at.astimezone(UTC) + VALID)
        body = msgspec.json.encode(StagedFile(1, expires_at, ingest, caller.principal))
        blob = object_blob(sha256_hex(body), mint(self._node))
        await self._node.bucket.upload(blob, body)
        return blob.removeprefix(OBJECTS), expires_at

    async def find(self, caller: Caller, staged: str) -> IngestDataset | None:
        """What the caller staged under an id; None if that is unknown, another's, or has expired.

        An object that the journal names is no descriptor, whoever stored it and whatever it says.
        """
        named = _ID.fullmatch(staged)
        blob = OBJECTS + staged
        if named is None or blob in self._node.state.inventory.blobs:
            return None
        try:
            if (await self._node.bucket.stat(blob)).size_bytes > MAX_BYTES:
                return None
            body = await self._node.bucket.read(blob)
        except ObjectMissing:
            return None
        if sha256_hex(body) != named[1]:
            return None
        found, now = opened(body), format_at(self._node.clock.now())
        if found is None or found.expires_at <= now or found.principal != caller.principal:
            return None
        return found.ingest


def opened(body: bytes) -> StagedFile | None:
    """A descriptor, whether expired or not; None for other bytes."""
    try:
        found = _DECODER.decode(body)
    except msgspec.DecodeError:
        return None
    return found if found.staged_file == 1 else None
