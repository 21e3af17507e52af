"""Compaction as a use case: of one dataset, or of all.

Owns the order of the datasets and the report. Must never run twice at once in a process.
"""

import hashlib

from lakehouse.api.upkeep.compaction import CompactedDataset, CompactReport, CompactRequest
from lakehouse.api.versioned import Versioned
from lakehouse.commit.limiter import Limiter
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import MANAGE
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.progress import ProgressCallback, ignore_progress
from lakehouse.domain.validation import check_name
from lakehouse.service.access.permissions import permissions, require
from lakehouse.service.caller import Caller
from lakehouse.service.changes import has_made
from lakehouse.service.compaction.dataset_job import DatasetJob, without_key
from lakehouse.service.compaction.group_job import GroupJob
from lakehouse.service.objects import VerifiedObjects
from projections import catalog


class Compaction:
    """The compaction of one node's datasets, one at a time."""

    def __init__(self, node: Node, objects: VerifiedObjects, job: GroupJob) -> None:
        self._node = node
        self._objects = objects
        self._job = job
        self._gate = Limiter(1, "compaction", retry_after_s=30)

    async def run(
        self,
        caller: Caller,
        request: CompactRequest,
        payload: bytes = b"",
        reached: ProgressCallback = ignore_progress,
    ) -> Versioned[CompactReport]:
        """Merge the small objects of one dataset or of all. `payload`: the request as sent.

        `reached` is called with the number of datasets that are finished.
        The first event has the idempotency key: sent again, the request goes on with what is left.
        Raises RefusedError: `forbidden`, `dataset_not_found`, `busy` while another one is under way
        here, `idempotency_key_reused`, and what reads and commits raise. What was committed until
        then stays.
        """
        await self._node.refresh()
        names = self._names(caller, request.name)
        digest = hashlib.sha256(payload).hexdigest()
        if has_made(self._node, caller, payload):
            caller = without_key(caller)
        found: list[CompactedDataset] = []
        seq = self._node.state.head.seq
        with self._gate.slot():
            for number, name in enumerate(names, 1):
                job = DatasetJob(self._node, self._objects, self._job, name, request, digest)
                report = await job.run(caller)
                if job.seq:
                    caller = without_key(caller)
                seq = max(seq, job.seq)
                if report is not None:
                    found.append(report)
                reached(number)
        return Versioned(CompactReport(request.dry_run, found, seq), seq)

    def _names(self, caller: Caller, name: str | None) -> list[str]:
        """The dataset, or all that the caller may manage. Raises RefusedError."""
        if name is None:
            held = permissions(self._node, caller)
            found = catalog.in_name_order(self._node.state.catalog)
            return [each.name for each in found if held.may_change(MANAGE, each.name)]
        check_name(name)
        require(self._node, caller, MANAGE, name)
        if catalog.find(self._node.state.catalog, name) is None:
            raise RefusedError(Refused("dataset_not_found", f"there is no dataset {name}"))
        return [name]
