"""Change sets and renames: several changes of the catalog as one event."""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from typing import assert_never

import msgspec

from lakehouse.api.catalog.change_sets import (
    CatalogChange,
    ChangeResult,
    CommitChange,
    DropChange,
    DropProfileChange,
    DropViewChange,
    PutProfileChange,
    PutViewChange,
    RegisterChange,
    RenameChange,
    Renamed,
    RenameRequest,
    RestoreChange,
    SwapChange,
    TransactionReceipt,
    TransactionRequest,
)
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import MANAGE, WRITE
from lakehouse.domain.commands import (
    Command,
    CommitChangeSet,
    CommitStaged,
    DropDataset,
    DropProfile,
    DropView,
    IngestDataset,
    RenameDataset,
    RestoreDataset,
    SwapDatasets,
)
from lakehouse.domain.errors import Json, Refused, RefusedError
from lakehouse.domain.rules.change_sets import MAX_CHANGES, of_change, unexpected
from lakehouse.domain.rules.datasets import dataset_id
from lakehouse.domain.validation import check_name
from lakehouse.service import snapshot
from lakehouse.service.access.permissions import permissions, require
from lakehouse.service.access.visible import present_for
from lakehouse.service.caller import Caller
from lakehouse.service.catalog.profiles import Profiles, check_profile
from lakehouse.service.catalog.staging import Staging
from lakehouse.service.catalog.use_case import check_register, register_command
from lakehouse.service.catalog.views import Views
from lakehouse.service.changes import foresee, made_before, settle
from projections import catalog
from projections.fold import State

Expectations = tuple[tuple[str, int | None], ...]
"""Names with the last event of each that the caller has seen; None: absent."""
_PLACE = re.compile(r"at `\$\.changes\[(\d+)\][^`]*`$")
"""Where msgspec ends its message with the place of a fault."""
READ_AT_ONCE = 16
"""How many descriptors of staged files are read at once."""


class ChangeSets:
    """Changes of one node's catalog that are made together."""

    def __init__(self, node: Node, views: Views, profiles: Profiles) -> None:
        self._node = node
        self._views = views
        self._profiles = profiles
        self._staging = Staging(node)

    async def transaction(
        self, caller: Caller, request: TransactionRequest, payload: bytes = b""
    ) -> Versioned[TransactionReceipt]:
        """Make all changes or none. `payload`: the request as sent.

        Raises RefusedError: `invalid_request`, `expectation_failed`, what each single change raises,
        with the index of the change in each row of `errors`, and what settle raises.
        """
        if not 0 < len(request.changes) <= MAX_CHANGES:
            detail = f"{len(request.changes):,} changes; 1 to {MAX_CHANGES:,} are allowed"
            raise RefusedError(Refused("invalid_request", detail))
        for name in request.expect:
            check_name(name)
        settled = await made_before(self._node, caller, payload)
        if settled is not None:
            names = await self._staged_names(caller, request.changes)
        else:
            commands, expect = await self._judged(caller, request)
            names = {
                each.staged: each.ingest.name
                for each in commands
                if isinstance(each, CommitStaged) and each.ingest is not None
            }
            command = CommitChangeSet(commands, expect)
            digest = hashlib.sha256(payload).hexdigest()
            settled = await settle(self._node, command, caller, digest)
        results = [_result(each, names, settled.state) for each in request.changes]
        return Versioned(TransactionReceipt(settled.seq, results), settled.seq)

    async def _judged(
        self, caller: Caller, request: TransactionRequest
    ) -> tuple[tuple[Command, ...], Expectations]:
        """The commands of a change set, and what it expects. Raises RefusedError."""
        if any(isinstance(each, RestoreChange) for each in request.changes):
            # A time means the last event before it, which another node may just have committed.
            await self._node.refresh()
        expect = await self._expected(caller, tuple(request.expect.items()))
        return await self._commands(caller, request.changes), expect

    async def _staged_names(
        self, caller: Caller, changes: tuple[CatalogChange, ...]
    ) -> dict[str, str]:
        """The datasets of staged files, by the files' ids."""
        staged = [each.staged for each in changes if isinstance(each, CommitChange)]
        found = [await self._staging.find(caller, each) for each in staged]
        return {id_: each.name for id_, each in zip(staged, found, strict=True) if each}

    async def rename(
        self, caller: Caller, request: RenameRequest, payload: bytes = b""
    ) -> Versioned[Renamed]:
        """Give a dataset another name.

        Raises RefusedError: `forbidden`, `dataset_not_found`, `name_taken`.
        """
        command = _rename(request)
        require(self._node, caller, MANAGE, request.name, request.to)
        digest = hashlib.sha256(payload).hexdigest()
        settled = await settle(self._node, command, caller, digest)
        renamed = Renamed(request.name, request.to, dataset_id(request.to), settled.seq)
        return Versioned(renamed, settled.seq)

    async def _expected(self, caller: Caller, expect: Expectations) -> Expectations:
        """The expectations about what the caller may read; all else is absent for it.

        They are judged here too, before what any change refuses. Raises RefusedError
        `expectation_failed`.
        """
        if unexpected(present_for(self._node, caller), expect):
            # The caller may have seen an event of another node.
            await self._node.refresh()
            if refused := unexpected(present_for(self._node, caller), expect):
                raise RefusedError(refused)
        held = permissions(self._node, caller)
        return tuple(each for each in expect if held.sees(each[0]))

    async def _commands(
        self, caller: Caller, changes: tuple[CatalogChange, ...]
    ) -> tuple[Command, ...]:
        """The commands of all changes; views come last, since they are bound on what others leave."""
        unbound = await self._unbound(caller, changes)
        commands: list[Command] = []
        before, judged = self._node.state, 0
        for index, (change, command) in enumerate(zip(changes, unbound, strict=True)):
            if not isinstance(change, PutViewChange):
                commands.append(command)
                continue
            if judged < index:
                further = CommitChangeSet(tuple(commands[judged:]))
                before, judged = (await foresee(self._node, further, on=before)).after, index
            try:
                bound = self._views.command(caller, change.name, change, before)
                commands.append(await bound)
            except RefusedError as error:
                raise RefusedError(of_change(index, error.refused)) from error
        return tuple(commands)

    async def _unbound(
        self, caller: Caller, changes: tuple[CatalogChange, ...]
    ) -> tuple[Command, ...]:
        reading = asyncio.Semaphore(READ_AT_ONCE)

        async def command(index: int, change: CatalogChange) -> Command:
            try:
                async with reading:
                    return await self._command(caller, change)
            except RefusedError as error:
                raise RefusedError(of_change(index, error.refused)) from error

        found = await asyncio.gather(
            *(command(index, change) for index, change in enumerate(changes)),
            return_exceptions=True,
        )
        # The first of them by its index, whichever was known first.
        for each in found:
            if isinstance(each, BaseException):
                raise each
        return tuple(each for each in found if not isinstance(each, BaseException))

    async def _command(self, caller: Caller, change: CatalogChange) -> Command:
        """The command of a change as it was sent, if the caller may make it. Raises RefusedError."""
        match change:
            case RegisterChange():
                command = register_command(change)
                check_register(self._node, caller, command)
                return command
            case DropChange():
                check_name(change.name)
                require(self._node, caller, WRITE, change.name)
                return DropDataset(change.name)
            case RestoreChange():
                check_name(change.name)
                require(self._node, caller, WRITE, change.name)
                then = await snapshot.state_as_of(self._node, change.as_of)
                return RestoreDataset(then.head.seq, snapshot.dataset_in(then, change.name))
            case RenameChange():
                require(self._node, caller, MANAGE, change.name, change.to)
                return _rename(change)
            case SwapChange():
                check_name(change.a)
                check_name(change.b)
                require(self._node, caller, MANAGE, change.a, change.b)
                return SwapDatasets(change.a, change.b)
            case CommitChange():
                found = await self._staging.find(caller, change.staged)
                if found is not None:
                    require(self._node, caller, WRITE, found.name)
                return CommitStaged(change.staged, _in_mode(found, change.mode))
        return await self._definition(caller, change)

    async def _definition(
        self,
        caller: Caller,
        change: PutViewChange | DropViewChange | PutProfileChange | DropProfileChange,
    ) -> Command:
        """As `_command`; a view that is put is bound later, and stands here as a drop."""
        match change:
            case PutProfileChange():
                return await self._profiles.command(caller, change.name, change)
            case DropProfileChange():
                check_name(change.name)
                check_profile(self._node, caller, change.name)
                return DropProfile(change.name)
            case PutViewChange() | DropViewChange():
                check_name(change.name)
                require(self._node, caller, MANAGE, change.name)
                return DropView(change.name)
        assert_never(change)


def of_malformed(refused: Refused) -> Refused:
    """The refusal of a request that does not parse: a row names the change that it is about, if any."""
    found = _PLACE.search(refused.detail)
    if found is None:
        return refused
    row: dict[str, Json] = {"change": int(found[1]), "detail": refused.detail}
    return msgspec.structs.replace(refused, errors=(row,))


def _rename(request: RenameRequest) -> RenameDataset:
    check_name(request.name)
    check_name(request.to)
    return RenameDataset(request.name, request.to)


def _in_mode(ingest: IngestDataset | None, mode: str | None) -> IngestDataset | None:
    """The staged change in another mode, if that is asked for. Raises RefusedError `invalid_request`."""
    if ingest is None or mode is None:
        return ingest
    if ingest.mode in ("merge", "overwrite"):
        detail = f"the file was staged with mode={ingest.mode}, which a commit does not change"
        raise RefusedError(Refused("invalid_request", detail))
    if mode == "append" and ingest.schema_change == "replace":
        detail = "the file was staged with schema_change=replace, which needs mode=replace"
        raise RefusedError(Refused("invalid_request", detail))
    if mode == "replace" and ingest.retries:
        detail = "the file was staged to resolve quarantine, which mode=replace does not keep"
        raise RefusedError(Refused("invalid_request", detail))
    return msgspec.structs.replace(ingest, mode=mode)


def _result(change: CatalogChange, staged: Mapping[str, str], state: State) -> ChangeResult:
    op, to = str(change.__struct_config__.tag), None
    match change:
        case SwapChange():
            name, to = change.a, change.b
        case RenameChange():
            name, to = change.name, change.to
        case CommitChange():
            name = staged.get(change.staged, "")
        case RegisterChange() | DropChange() | RestoreChange():
            name = change.name
        case PutViewChange() | DropViewChange() | PutProfileChange() | DropProfileChange():
            return ChangeResult(op, change.name, None, None, None)
        case _:
            assert_never(change)
    resulting = to if isinstance(change, RenameChange) and to else name
    live = catalog.find(state.catalog, resulting)
    if live is None:
        return ChangeResult(op, name, to, None, None)
    return ChangeResult(op, name, to, live.dataset_id, live.row_count)
