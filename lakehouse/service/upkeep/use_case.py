"""Upkeep as one use case: admins begin tasks, see how far they are, and cancel them.

Owns which tasks there are. Must never let anyone but an admin begin, see or cancel one.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping

import msgspec

from journal.bucket.removal import remove
from journal.bucket.s3.settings import S3Settings
from journal.clock import uuid7
from journal.verify import verify
from lakehouse.admin.doctor.examination import examine
from lakehouse.admin.doctor.finding import ProbeResult
from lakehouse.admin.doctor.site import Site
from lakehouse.admin.inspection import ObjectFault, damaged_caches, object_faults
from lakehouse.api.administration import CheckpointMade, VerifiedHead
from lakehouse.api.gc import GcReport, GcRequest
from lakehouse.api.upkeep.compaction import CompactReport, CompactRequest
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.points_in_time import age
from lakehouse.domain.progress import ProgressCallback
from lakehouse.domain.validation import check_name
from lakehouse.objects.stores.open_stores import OpenStores
from lakehouse.service.access.permissions import require_admin
from lakehouse.service.caller import Caller
from lakehouse.service.compaction.use_case import Compaction
from lakehouse.service.gc.use_case import Gc
from lakehouse.service.presentation import EMPTY_HEAD, journal_head
from lakehouse.service.upkeep.tasks import Task, Tasks
from projections import catalog
from projections.states.checkpointing import store_state

VERIFY, OBJECTS, DOCTOR, CHECKPOINT = "verify", "objects", "doctor", "checkpoint"
COLLECT, COMPACT = "collect", "compact"
PREVIEW_COLLECT, PREVIEW_COMPACT = "preview_collect", "preview_compact"
PREVIEWS = (PREVIEW_COLLECT, PREVIEW_COMPACT)
KINDS = (VERIFY, OBJECTS, DOCTOR, CHECKPOINT, COLLECT, COMPACT, *PREVIEWS)
SHORT_S = 0.5
"""How long a request that begins a task waits for it: a short one is over when its page is shown."""
MAX_LISTED = 200
"""How many objects a result lists; it counts all of them."""


class ObjectsRead(msgspec.Struct, frozen=True):
    """How many objects were read, and those that are missing or have other bytes."""

    objects: int
    faults: list[ObjectFault]
    fault_count: int


class StoreExamined(msgspec.Struct, frozen=True):
    """What the doctor has found of each property; `left`: probes that could not be removed."""

    findings: list[ProbeResult]
    left: list[str]


class Upkeep:
    """The tasks of one node. `store`: how the bucket in S3 is reached now, None for others."""

    def __init__(
        self,
        node: Node,
        gc: Gc,
        compaction: Compaction,
        store: Callable[[], S3Settings | None],
        opened: OpenStores,
    ) -> None:
        self._opened = opened
        self._node = node
        self._gc = gc
        self._compaction = compaction
        self._store = store
        self._tasks = Tasks(node.clock)

    def latest(self, caller: Caller) -> Mapping[str, Task]:
        """The last task of each kind. Raises RefusedError `forbidden`."""
        require_admin(self._node, caller)
        return self._tasks.latest()

    async def cancel(self, caller: Caller, kind: str) -> None:
        """Cancel a task; what it has done until then stays. Raises RefusedError."""
        require_admin(self._node, caller)
        _check_kind(kind, KINDS)
        await self._tasks.cancel(kind)

    async def check(self, caller: Caller, kind: str) -> None:
        """Begin a check, or a checkpoint. Raises RefusedError: `forbidden`, `busy`, `invalid_request`."""
        require_admin(self._node, caller)
        works = {
            VERIFY: self._verify,
            OBJECTS: self._read_objects,
            DOCTOR: self._examine,
            CHECKPOINT: self._checkpoint,
        }
        _check_kind(kind, works)
        state = self._node.state
        totals = {VERIFY: state.head.position, OBJECTS: len(state.inventory.blobs)}
        self._tasks.begin(kind, caller, works[kind], totals.get(kind))
        await self._tasks.wait(kind, SHORT_S)

    async def preview_collect(self, caller: Caller, older_than: str) -> None:
        """Begin to look what a garbage collection would remove.

        Raises RefusedError: `forbidden`, `busy`, `invalid_request` for what is no span.
        """
        require_admin(self._node, caller)
        age(older_than)
        request = GcRequest(older_than=older_than)

        async def work(reached: ProgressCallback) -> GcReport:
            ran = self._gc.run(caller, request, max_listed=MAX_LISTED, reached=reached)
            return (await ran).body

        total = len(self._node.state.inventory.blobs)
        self._tasks.begin(PREVIEW_COLLECT, caller, work, total, older_than)
        await self._tasks.wait(PREVIEW_COLLECT, SHORT_S)

    async def preview_compact(self, caller: Caller, name: str | None) -> None:
        """Begin to look what a compaction would merge, of one dataset or of all.

        Raises RefusedError: `forbidden`, `busy`, `invalid_name`, `dataset_not_found`.
        """
        require_admin(self._node, caller)
        self._check_dataset(name)
        request = CompactRequest(name=name, dry_run=True)

        async def work(reached: ProgressCallback) -> CompactReport:
            return (await self._compaction.run(caller, request, b"", reached)).body

        total = self._datasets(name)
        self._tasks.begin(PREVIEW_COMPACT, caller, work, total, name or "")
        await self._tasks.wait(PREVIEW_COMPACT, SHORT_S)

    async def collect(self, caller: Caller, request: GcRequest, payload: bytes) -> None:
        """Begin a garbage collection. Raises RefusedError: `forbidden`, `busy`."""
        require_admin(self._node, caller)

        async def work(reached: ProgressCallback) -> GcReport:
            seen = 0

            def found(_: object) -> None:
                nonlocal seen
                seen += 1
                reached(seen)

            return (await self._gc.run(caller, request, payload, found, MAX_LISTED)).body

        self._tasks.begin(COLLECT, caller, work)
        self._tasks.forget(PREVIEW_COLLECT)
        await self._tasks.wait(COLLECT, SHORT_S)

    async def compact(self, caller: Caller, request: CompactRequest, payload: bytes) -> None:
        """Begin a compaction. Raises RefusedError: `forbidden`, `busy`."""
        require_admin(self._node, caller)

        async def work(reached: ProgressCallback) -> CompactReport:
            return (await self._compaction.run(caller, request, payload, reached)).body

        self._check_dataset(request.name)
        self._tasks.begin(COMPACT, caller, work, self._datasets(request.name))
        self._tasks.forget(PREVIEW_COMPACT)
        await self._tasks.wait(COMPACT, SHORT_S)

    def _datasets(self, name: str | None) -> int:
        """How many datasets a compaction goes through."""
        return 1 if name else len(self._node.state.catalog.datasets)

    def _check_dataset(self, name: str | None) -> None:
        """Raises RefusedError: a task would only fail later."""
        if name is None:
            return
        check_name(name)
        if catalog.find(self._node.state.catalog, name) is None:
            raise RefusedError(Refused("dataset_not_found", f"there is no dataset {name}"))

    async def close(self) -> None:
        """Cancel all tasks: the process ends."""
        await self._tasks.close()

    async def _verify(self, reached: ProgressCallback) -> VerifiedHead:
        """As `lakehouse journal verify`: every slot is whole, in order, and linked to the one before.

        At most MAX_LISTED damaged caches are named.
        """
        last = EMPTY_HEAD
        async for head in verify(self._node.follower.journal):
            last = journal_head(head)
            reached(head.position)
        journal, damaged = self._node.follower.journal, list[str]()
        async for key in damaged_caches(journal):
            if len(damaged) < MAX_LISTED:
                damaged.append(key)
        return VerifiedHead(**msgspec.structs.asdict(last), verified=True, damaged_caches=damaged)

    async def _read_objects(self, reached: ProgressCallback) -> ObjectsRead:
        """Every object that the journal refers to has the bytes that it says."""
        state = self._node.state
        faults, count = list[ObjectFault](), 0
        async for fault in object_faults(self._node.bucket, state, reached, self._opened):
            count += 1
            if count <= MAX_LISTED:
                faults.append(fault)
        return ObjectsRead(len(state.inventory.blobs), faults, count)

    async def _examine(self, reached: ProgressCallback) -> StoreExamined:
        """As `lakehouse doctor`: the store has the properties that the journal relies on."""
        node = self._node
        s3 = await asyncio.to_thread(self._store)
        site = Site(node.bucket, s3, node.clock, uuid7(node.clock.now(), node.chance))
        findings = list[ProbeResult]()
        try:
            async for finding in examine(site):
                findings.append(finding)
                reached(len(findings))
        finally:
            left = await remove(node.bucket.url, s3, site.keys)
        return StoreExamined(findings, left)

    async def _checkpoint(self, _: ProgressCallback) -> CheckpointMade:
        """As `lakehouse journal checkpoint`: the next start reads the state instead of all slots."""
        node, state = self._node, self._node.state
        if not state.head.position:
            return CheckpointMade(None)
        journal, directory = node.follower.journal, node.bucket.spool_dir
        return CheckpointMade(await store_state(journal, state, directory))


def _check_kind(kind: str, known: Collection[str]) -> None:
    if kind not in known:
        raise RefusedError(Refused("invalid_request", f"there is no task {kind[:32]!r}"))
