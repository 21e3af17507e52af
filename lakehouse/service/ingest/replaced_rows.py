"""The rows of a dataset that those of a file replace: by key, or by a condition.

Does the step that finds them, once the file itself is fine. Must never decide whether the rows have to
be searched again.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Executor
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from journal.slot import format_at
from lakehouse.commit.node import Node
from lakehouse.domain.commands import IngestDataset, Rewritten
from lakehouse.formats.reader import Parsed, ReadRequest
from lakehouse.process.forking.fork_server import ForkServer
from lakehouse.query.engine import QueryEngine
from lakehouse.query.wire.messages import RowSearch
from lakehouse.service.access.permissions import permissions
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.memory import IngestMemory
from lakehouse.service.ingest.row_checks import RowChecks
from lakehouse.service.ingest.work_dir import WorkDir
from lakehouse.service.rows.finder import KeyRows, RowFinder
from lakehouse.service.rows.large_objects import rewrite_place
from lakehouse.service.rows.object_rewrites import ObjectRewrites, RowChange
from lakehouse.service.rows.turns import RowTurns


class RowReplacement(msgspec.Struct, frozen=True):
    """What the replacements of single rows in a process share."""

    node: Node
    engine: QueryEngine
    pool: Executor
    finder: RowFinder
    memory: IngestMemory
    turns: RowTurns
    forks: ForkServer

    @asynccontextmanager
    async def begun(
        self, caller: Caller, name: str, directory: WorkDir, *, dry_run: bool
    ) -> AsyncIterator["ReplacedRows"]:
        """What finds the rows of one dataset that a file replaces; its turn ends with the context."""
        # What was acknowledged before this request, by any process, is there to be found.
        await self.node.refresh()
        finder = self.finder.for_caller(caller, permissions(self.node, caller), name)
        async with AsyncExitStack() as stack:
            place = await stack.enter_async_context(rewrite_place(self.forks, directory))
            rewrites = ObjectRewrites(
                *(self.node, finder, self.memory.limits, place), dry_run=dry_run
            )
            yield ReplacedRows(
                *(self.engine, self.pool, self.memory, caller, rewrites),
                format_at(self.node.clock.now()),
                lambda: stack.enter_async_context(self.turns.turn(name)),
            )


class ReplacedRows:
    """Finds the rows that one file replaces, and rewrites their objects without them.

    `now` is what now() stands for; `turn` waits for the turn to change the dataset's rows.
    """

    def __init__(
        self,
        engine: QueryEngine,
        pool: Executor,
        memory: IngestMemory,
        caller: Caller,
        rewrites: ObjectRewrites,
        now: str,
        turn: Callable[[], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._pool = pool
        self._memory = memory
        self._caller = caller
        self._rewrites = rewrites
        self._now = now
        self._turn = turn
        self._has_turn = False
        self._checked: Parsed | None = None
        """The file whose rows are known to be fine."""

    async def find(
        self, command: IngestDataset, parsed: Parsed, request: ReadRequest
    ) -> IngestDataset:
        """The command with the rows of the dataset as it is now.

        Raises RefusedError: `duplicate_key`, `null_key`, `outside_where`, `sql_error`,
        `statement_not_allowed`, and what a query raises.
        """
        statement = command.statement
        if statement is None:
            raise ValueError(f"the mode {command.mode} replaces no single rows")
        search = RowSearch(statement.where or "", self._now, key=statement.key)
        if self._checked is not parsed:
            checks = RowChecks(
                *(self._engine, self._pool, self._memory, self._caller, parsed, request)
            )
            await checks.refuse(search)
            self._checked = parsed
        if not self._has_turn:
            await self._turn()
            self._has_turn = True
        rewritten = await self._found(command.name, parsed, search)
        if statement.where is not None and self._rewrites.reads_clock:
            statement = msgspec.structs.replace(statement, now=self._now)
        return msgspec.structs.replace(command, statement=statement, rewritten=rewritten)

    async def upload(self, command: IngestDataset, *, again: bool) -> IngestDataset:
        """The command with the objects that were rewritten in the bucket."""
        if command.rewritten is None:
            return command
        if again:
            self._rewrites.forget_uploads()
        rewritten = await self._rewrites.upload(command.name, command.rewritten)
        return msgspec.structs.replace(command, rewritten=rewritten)

    async def _found(self, name: str, parsed: Parsed, search: RowSearch) -> Rewritten:
        keys = KeyRows(parsed.files, parsed.columns) if search.key else None
        change = RowChange(search, keys, parsed.columns, parsed.fingerprint)
        found = await self._rewrites.find(name, change)
        if found is None:
            return Rewritten(0, parsed.fingerprint, frozenset(), (), uploaded=True)
        return found if found.replaced else msgspec.structs.replace(found, uploaded=True)
