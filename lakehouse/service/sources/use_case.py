"""Sources: put, shown, listed, dropped and run by admins."""

import hashlib

from lakehouse.api.sources import (
    FileReceived,
    PutSourceRequest,
    RunSourceRequest,
    Source,
    SourceDropped,
    SourceList,
    SourceRun,
)
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.sources.commands import DropSource, PutSource
from lakehouse.domain.validation import check_name
from lakehouse.service.access.permissions import require_admin
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, settle
from lakehouse.service.sources.looks import Looks
from lakehouse.service.sources.options import check_options, pairs_of
from lakehouse.service.sources.places import Places, check_uri
from lakehouse.service.sources.presentation import source_body, status_of
from projections import sources
from projections.sources import WatchedSource

MAX_RECEIVED = 1_000
"""How many files the answer of a look names."""


class Sources:
    """The sources of one node's lake."""

    def __init__(self, node: Node, places: Places, looks: Looks) -> None:
        self._node = node
        self._places = places
        self._looks = looks

    async def put(
        self, caller: Caller, name: str, request: PutSourceRequest, payload: bytes = b""
    ) -> Versioned[Source]:
        """Make or replace a source. `payload`: the request as sent.

        Raises RefusedError: `forbidden`, `invalid_name`, `invalid_request`, `source_unavailable`.
        """
        require_admin(self._node, caller)
        command = _command(name, request)
        await self._places.check(_as_put(command))
        digest = hashlib.sha256(payload).hexdigest()
        settled = await settle(self._node, command, caller, digest)
        return Versioned(self._body(_found(settled.state.sources, name)), settled.seq)

    async def show(self, caller: Caller, name: str) -> Versioned[Source]:
        """A source. Raises RefusedError: `forbidden`, `source_not_found`."""
        require_admin(self._node, caller)
        check_name(name)
        state = self._node.state
        return Versioned(self._body(_found(state.sources, name)), state.head.seq)

    async def list(self, caller: Caller) -> Versioned[SourceList]:
        """All sources in name order. Raises RefusedError `forbidden`."""
        require_admin(self._node, caller)
        state = self._node.state
        rows = [self._body(each) for each in sources.in_name_order(state.sources)]
        return Versioned(SourceList(rows, state.head.seq), state.head.seq)

    async def drop(self, caller: Caller, name: str) -> Versioned[SourceDropped]:
        """Stop watching a source. Raises RefusedError: `forbidden`, `source_not_found`."""
        require_admin(self._node, caller)
        check_name(name)
        settled = await settle(self._node, DropSource(name), caller, NOTHING_SHA256)
        return Versioned(SourceDropped(name, settled.seq), settled.seq)

    async def run(
        self, caller: Caller, name: str, request: RunSourceRequest
    ) -> Versioned[SourceRun]:
        """Look at a source now, and bring in what is due.

        Raises RefusedError: `forbidden`, `source_not_found`, `source_unavailable`, `invalid_request`.
        """
        require_admin(self._node, caller)
        check_name(name)
        source = _found(self._node.state.sources, name)
        received = await self._looks.look(source)
        if request.wait and self._looks.memory(source).waiting:
            await self._node.clock.sleep(request.wait)
            received += await self._looks.look(source)
        seq = self._node.state.head.seq
        status = status_of(self._looks.memory(source))
        shown: list[FileReceived] = sorted(received, key=lambda each: each.seq)[-MAX_RECEIVED:]
        return Versioned(SourceRun(source.name, shown, len(received), status, seq), seq)

    async def close(self) -> None:
        """Close the connections to stores of sources."""
        await self._places.close()

    def _body(self, source: WatchedSource) -> Source:
        return source_body(self._node.state.sources, source, self._looks.memory(source))


def _command(name: str, request: PutSourceRequest) -> PutSource:
    check_name(name)
    check_name(request.dataset)
    check_uri(request.uri)
    return PutSource(
        *(name, request.uri, request.pattern, request.dataset, request.mode),
        *(pairs_of(request.options), request.every),
    )


def _as_put(command: PutSource) -> WatchedSource:
    """The source that the command would make, its options checked. Raises RefusedError."""
    source = WatchedSource(
        *(command.name, command.uri, command.pattern, command.dataset, command.mode),
        *(command.options, command.every_s, "", "", 0),
    )
    check_options(source)
    return source


def _found(live: sources.Sources, name: str) -> WatchedSource:
    found = sources.find(live, name)
    if found is None:
        raise RefusedError(Refused("source_not_found", f"there is no source {name}"))
    return found
