"""Delete and update: single rows of a dataset, chosen by a condition."""

import hashlib
from concurrent.futures import Executor
from pathlib import Path

from journal.column_names import folded
from journal.event_parts import rows_changed
from journal.events import DELETE, UPDATE, DatasetRewritten, Event, RowStatement
from journal.slot import format_at
from lakehouse.api.rows import DeleteReceipt, DeleteRequest, UpdateReceipt, UpdateRequest
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import WRITE
from lakehouse.domain.commands import RewriteDataset
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_name
from lakehouse.formats.limits import IngestLimits
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.query.wire.messages import RowSearch
from lakehouse.service.access.permissions import permissions, require
from lakehouse.service.caller import Caller
from lakehouse.service.changes import foresee, settle
from lakehouse.service.ingest.work_dir import work_dir
from lakehouse.service.rows.finder import RowFinder
from lakehouse.service.rows.large_objects import rewrite_place
from lakehouse.service.rows.object_rewrites import ObjectRewrites
from lakehouse.service.rows.rewrite_job import RewriteJob
from lakehouse.service.rows.turns import RowTurns


class Rows:
    """Changes of rows of one node's datasets."""

    def __init__(
        self,
        node: Node,
        finder: RowFinder,
        pool: Executor,
        forks: ForkServer,
        spool_dir: Path,
        turns: RowTurns,
    ) -> None:
        self._node = node
        self._finder = finder
        self._pool = pool
        self._forks = forks
        self._spool_dir = spool_dir
        self._limits = IngestLimits()
        self._turns = turns

    async def delete(
        self, caller: Caller, request: DeleteRequest, payload: bytes = b""
    ) -> Versioned[DeleteReceipt]:
        """Remove the rows that fulfil a condition. `payload`: the request as sent.

        Raises RefusedError: `dataset_not_found`, `sql_error`, `statement_not_allowed`, what queries
        raise, and what settle raises. Nothing is changed then.
        """
        statement = RowStatement(where=request.where)
        command = RewriteDataset(request.name, DELETE, statement)
        event, seq = await self._change(
            caller, command, RowSearch(request.where, self._now()), payload, request.dry_run
        )
        rows, objects = _changed(event)
        return Versioned(DeleteReceipt(rows, objects, seq), seq)

    async def update(
        self, caller: Caller, request: UpdateRequest, payload: bytes = b""
    ) -> Versioned[UpdateReceipt]:
        """Give columns new values in the rows that fulfil a condition. `payload`: the request as sent.

        Raises RefusedError as `delete` does, and `invalid_request`, `value_does_not_fit`.
        """
        set_ = tuple(request.set.items())
        _check_columns([column for column, _ in set_])
        command = RewriteDataset(request.name, UPDATE, RowStatement(request.where, set_))
        event, seq = await self._change(
            caller, command, RowSearch(request.where, self._now(), set_), payload, request.dry_run
        )
        rows, objects = _changed(event)
        return Versioned(UpdateReceipt(rows, objects, seq), seq)

    async def _change(
        self,
        caller: Caller,
        command: RewriteDataset,
        search: RowSearch,
        payload: bytes,
        dry_run: bool,
    ) -> tuple[Event | None, int]:
        """The event that was made, or that a dry run foresees; None where no row is concerned."""
        check_name(command.name)
        require(self._node, caller, WRITE, command.name)
        # What was acknowledged before this request, by any process, is there to be found.
        await self._node.refresh()
        turn = self._turns.turn(command.name)
        async with (
            turn,
            work_dir(self._spool_dir, self._pool) as directory,
            rewrite_place(self._forks, directory) as place,
        ):
            held = permissions(self._node, caller)
            finder = self._finder.for_caller(caller, held, command.name)
            rewrites = ObjectRewrites(
                *(self._node, finder, self._limits, place),
                dry_run=dry_run,
            )
            job = RewriteJob(rewrites, search)
            if not dry_run:
                digest = hashlib.sha256(payload).hexdigest()
                settled = await settle(self._node, command, caller, digest, job)
                return settled.event, settled.seq
            foreseen = await foresee(self._node, command, job)
            if foreseen.refused is not None:
                raise RefusedError(foreseen.refused)
            return foreseen.event, foreseen.before.head.seq

    def _now(self) -> str:
        return format_at(self._node.clock.now())


def _changed(event: Event | None) -> tuple[int, int]:
    """How many rows an event removed or changed, and how many objects it replaced."""
    if event is None or not isinstance(event.data, DatasetRewritten):
        return 0, 0
    return rows_changed(event.data)[1], len(event.data.replaced)


def _check_columns(columns: list[str]) -> None:
    """Raises RefusedError `invalid_request` for no column, or one that is named twice."""
    if not columns:
        raise RefusedError(Refused("invalid_request", "set: name at least one column"))
    if len({folded(column) for column in columns}) < len(columns):
        raise RefusedError(Refused("invalid_request", "set: a column is named twice"))
