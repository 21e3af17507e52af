"""The data of one delete or update: the rows found in a dataset's objects, these rewritten.

Does the steps that a decision asks for. Must never decide which step comes next.
"""

from typing import assert_never

import msgspec

from lakehouse.domain.commands import Command, RewriteDataset
from lakehouse.domain.decision import DataStep
from lakehouse.query.wire.messages import RowSearch
from lakehouse.service.rows.object_rewrites import ObjectRewrites, RowChange


class RewriteJob:
    """Does the steps of one delete or update."""

    def __init__(self, rewrites: ObjectRewrites, search: RowSearch) -> None:
        self._rewrites = rewrites
        self._change = RowChange(search)

    async def __call__(self, command: Command, step: DataStep) -> Command:
        if not isinstance(command, RewriteDataset):
            raise TypeError(f"a change of rows does not advance {type(command).__name__}")
        match step:
            case DataStep.FIND_ROWS:
                return await self._found(command)
            case DataStep.UPLOAD:
                return await self._uploaded(command)
            case DataStep.UPLOAD_AGAIN:
                self._rewrites.forget_uploads()
                return await self._uploaded(command)
            case DataStep.READ_FILE | DataStep.READ_UNDER_CONTRACT | DataStep.CHECK_VALUES:
                raise ValueError(f"a change of rows has no step {step}")
            case DataStep.PLAN_AGAIN | DataStep.REBUILD:
                raise ValueError(f"a change of rows has no step {step}")
            case DataStep.FIND_SOURCES | DataStep.FIND_LAST_CHANGE:
                raise ValueError(f"a change of rows has no step {step}")
        assert_never(step)

    async def _found(self, command: RewriteDataset) -> RewriteDataset:
        """The command with the rows of the dataset as it is now, and its objects rewritten."""
        rewritten = await self._rewrites.find(command.name, self._change)
        if rewritten is None:
            return command
        now = self._change.search.now if self._rewrites.reads_clock else None
        statement = command.statement
        if statement is not None:
            statement = msgspec.structs.replace(statement, now=now)
        return msgspec.structs.replace(command, statement=statement, rewritten=rewritten)

    async def _uploaded(self, command: RewriteDataset) -> RewriteDataset:
        """The command with its new objects in the bucket."""
        if command.rewritten is None:
            raise ValueError("objects are uploaded after they are written")
        rewritten = await self._rewrites.upload(command.name, command.rewritten)
        return msgspec.structs.replace(command, rewritten=rewritten)
