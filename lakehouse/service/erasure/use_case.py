"""Erasure as one use case: report which rows every version holds, and erase them unless it is a dry run.

Keeps the condition out of everything that is stored: events, logs and error texts.
"""

import asyncio
import hashlib
import hmac
from concurrent.futures import Executor

import msgspec

from lakehouse.api.rows import EraseReport, EraseRequest, NotErased
from lakehouse.api.versioned import Versioned
from lakehouse.commit.limiter import Limiter
from lakehouse.commit.node import Node
from lakehouse.domain.erasure.condition_literals import holds_one, literals
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_name, checked_words
from lakehouse.service.access.permissions import require_admin
from lakehouse.service.caller import Caller
from lakehouse.service.erasure.job import ErasureJob, in_present_state
from lakehouse.service.erasure.local_copies import LocalCopies
from lakehouse.service.erasure.reach import not_erased
from lakehouse.service.erasure.search import RowSearcher
from lakehouse.service.erasure.successors import Successors
from lakehouse.service.erasure.unregistered import Unregistered
from lakehouse.service.erasure.versions import Versions
from lakehouse.service.gc.collector import GarbageCollector
from lakehouse.service.rows.finder import RowFinder
from lakehouse.service.secret_key import SecretKey

MAX_WHERE_CHARACTERS = 64 * 1024


class Erasure:
    """The erasures of one node."""

    def __init__(
        self,
        node: Node,
        finder: RowFinder,
        copies: LocalCopies,
        collector: GarbageCollector,
        mask_key: SecretKey,
        pool: Executor,
    ) -> None:
        self._node = node
        self._finder = finder
        self._copies = copies
        self._collector = collector
        self._mask_key = mask_key
        self._pool = pool
        self._gate = Limiter(1, "erasure", retry_after_s=10)
        self._removals: set[asyncio.Task[int]] = set()

    async def erase(
        self, caller: Caller, request: EraseRequest, payload: bytes = b""
    ) -> Versioned[EraseReport]:
        """Erase the rows that fulfil a condition from every version of a dataset that is kept.

        Answers once the replaced objects are deleted; should the caller leave before, they are
        deleted all the same. Raises RefusedError: `forbidden`, `invalid_request`, `dataset_not_found`,
        `sql_error`, `statement_not_allowed`, `busy`, and what settle raises.
        """
        require_admin(self._node, caller)
        found = _checked(request, caller)
        caller = msgspec.structs.replace(caller, reason=request.reason)
        with self._gate.slot():
            await self._node.refresh()
            versions = Versions(self._node, request.name)
            if not await versions.extend(self._node.state):
                detail = f"there never was a dataset {request.name}"
                raise RefusedError(Refused("dataset_not_found", detail))
            searcher = RowSearcher(
                self._node, self._finder, self._copies, request.name, request.where
            )

            async def learn() -> None:
                state = self._node.state
                await searcher.learn(state, versions.candidates(state))
                await searcher.judge(state)

            await in_present_state(self._node, learn)
            job = await self._job(request, versions, searcher)
            if request.dry_run:
                tally, collected = await in_present_state(self._node, job.find), 0
            else:
                digest = await self._keyed_hash("request", payload)
                tally = await job.erase(caller, digest)
                collected = await self._collected(caller)
                await self._copies.remove_abandoned()
            also = await not_erased(self._node, versions, found)
            also += [] if request.dry_run else _away(self._collector.silent_stores)
        report = EraseReport(
            request.name,
            request.dry_run,
            tally.moments,
            tally.objects,
            tally.rows,
            list(tally.names),
            also,
            collected,
            tally.seq,
        )
        return Versioned(report, tally.seq)

    async def _job(
        self, request: EraseRequest, versions: Versions, searcher: RowSearcher
    ) -> ErasureJob:
        where_hash = await self._keyed_hash("where", request.where.encode())
        successors = Successors(self._node, self._finder, self._copies, request.name)
        unregistered = Unregistered(self._node, request.name)
        return ErasureJob(
            *(self._node, versions, searcher, successors, unregistered),
            *(request.name, where_hash, self._pool),
        )

    async def _keyed_hash(self, subject: str, text: bytes) -> str:
        """HMAC-SHA-256 with the lake's key: a hash without a key could be found by guessing."""
        await self._mask_key.ensure()
        key = bytes.fromhex(await self._mask_key.hex())
        return hmac.new(key, f"erase {subject}\n".encode() + text, hashlib.sha256).hexdigest()

    async def _collected(self, caller: Caller) -> int:
        """Delete what is marked; continues if the caller disconnects."""
        work = self._collector.delete_marked(caller)
        task = asyncio.get_running_loop().create_task(work, name="erasure")
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)
        return await asyncio.shield(task)


def _away(stores: tuple[str, ...]) -> list[NotErased]:
    detail = "it does not answer: a later gc deletes the copies of what was erased"
    return [NotErased("store", store, detail) for store in stores]


def _checked(request: EraseRequest, caller: Caller) -> frozenset[str]:
    """The literals of the condition. Raises RefusedError, without repeating any of them."""
    check_name(request.name)
    if checked_words(request.reason, "reason") is None:
        raise RefusedError(Refused("invalid_request", "reason is empty; it must say why"))
    if len(request.where) > MAX_WHERE_CHARACTERS:
        detail = f"where has {len(request.where):,} characters; at most {MAX_WHERE_CHARACTERS:,}"
        raise RefusedError(Refused("invalid_request", detail))
    found = literals(request.where)
    kept = {
        "reason": request.reason,
        "the actor": caller.actor,
        "the request id": caller.correlation,
        "the idempotency key": caller.idempotency_key,
        "the person acted for": caller.on_behalf_of,
    }
    for what, text in kept.items():
        if text and holds_one(text, found):
            detail = f"{what} holds a literal of where, and would be kept with the event"
            raise RefusedError(Refused("invalid_request", detail))
    return found
