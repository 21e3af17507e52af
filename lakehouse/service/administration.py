"""The two changes of an operator: continue a lake from a restored copy, or write a newer slot format."""

from lakehouse.api.administration import RecordedChange
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.commands import AdoptLake, RaiseFormat
from lakehouse.service.access.permissions import require_admin
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, settle


class Administration:
    """Changes that concern the lake as a whole."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def adopt(
        self, caller: Caller, previous_seq: int, previous_sha256: str, note: str
    ) -> Versioned[RecordedChange]:
        """Record that the lake continues from a restored copy, whose head was this."""
        return await self._record(caller, AdoptLake(previous_seq, previous_sha256, note))

    async def raise_format(self, caller: Caller, slot: int) -> Versioned[RecordedChange]:
        """Write slots of this format from the next one on."""
        return await self._record(caller, RaiseFormat(slot))

    async def _record(
        self, caller: Caller, command: AdoptLake | RaiseFormat
    ) -> Versioned[RecordedChange]:
        require_admin(self._node, caller)
        settled = await settle(self._node, command, caller, NOTHING_SHA256)
        return Versioned(RecordedChange(settled.seq, settled.event is not None), settled.seq)
