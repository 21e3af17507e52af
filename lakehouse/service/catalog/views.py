"""Views: put, show, list and drop them. A view is bound when it is put and again when it is queried."""

import hashlib

import msgspec

from journal.events import SafeView
from lakehouse.api.catalog.definitions import PutViewRequest, View, ViewDropped, ViewList, ViewQuery
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import MANAGE
from lakehouse.domain.commands import DropView, PutView
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.rules.datasets import dataset_not_absent
from lakehouse.domain.validation import check_name
from lakehouse.service import presentation
from lakehouse.service.access.permissions import require
from lakehouse.service.access.visible import state_for
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, made_before, settle
from lakehouse.service.secret_key import SecretKey
from lakehouse.service.sql.use_case import Sql
from projections import catalog
from projections.definitions import ViewDefinition
from projections.fold import State
from projections.view_sql.datasets import Definition
from projections.view_sql.datasets import View as Relation
from projections.view_sql.safe import masks_hash

MAX_SQL_BYTES = 64 * 1024
MAX_COLUMNS = 10_000


class Views:
    """The views of one node's lake."""

    def __init__(self, node: Node, sql: Sql, mask_key: SecretKey) -> None:
        self._node = node
        self._sql = sql
        self._mask_key = mask_key

    async def put(
        self, caller: Caller, name: str, request: PutViewRequest, payload: bytes = b""
    ) -> Versioned[View]:
        """Make or replace a view. `payload`: the request as sent.

        Raises RefusedError: `name_taken`, `view_cycle`, `statement_not_allowed`, `sql_error` where it
        cannot be bound, `invalid_request` for masks that do not fit, and what settle raises.
        """
        require(self._node, caller, MANAGE, name)
        settled = await made_before(self._node, caller, payload)
        if settled is None:
            command = await self.command(caller, name, request, self._node.state)
            digest = hashlib.sha256(payload).hexdigest()
            settled = await settle(self._node, command, caller, digest)
        return Versioned(presentation.view(_view_in(settled.state, name)), settled.seq)

    async def command(
        self, caller: Caller, name: str, request: PutViewRequest, state: State
    ) -> PutView:
        """The command of a request, bound on this state. Raises RefusedError as `put` does."""
        check_name(name)
        require(self._node, caller, MANAGE, name)
        if refused := dataset_not_absent(state, name):
            raise RefusedError(refused)
        safe = _safe(request)
        key = ""
        if safe is not None and masks_hash(safe):
            await self._mask_key.ensure()
            key = await self._mask_key.hex()
        definition = Definition(request.sql, safe, key, check=True)
        columns, reads = await self._sql.bind(
            caller, Relation(name, (), definition=definition), state
        )
        return PutView(name, request.sql, safe, request.comment, columns, tuple(sorted(reads)))

    async def show(self, caller: Caller, name: str, query: ViewQuery) -> Versioned[View]:
        """A view, perhaps as it was. Raises RefusedError `view_not_found`."""
        check_name(name)
        state = await state_for(self._node, caller, query.as_of)
        return Versioned(presentation.view(_view_in(state, name)), state.head.seq)

    async def list(self, caller: Caller, query: ViewQuery) -> Versioned[ViewList]:
        """All views in name order, perhaps as they were."""
        state = await state_for(self._node, caller, query.as_of)
        found = [presentation.view(each) for each in catalog.views_in_name_order(state.catalog)]
        return Versioned(ViewList(found, state.head.seq), state.head.seq)

    async def drop(self, caller: Caller, name: str) -> Versioned[ViewDropped]:
        """Drop a view. Raises RefusedError: `forbidden`, `view_not_found`."""
        check_name(name)
        require(self._node, caller, MANAGE, name)
        settled = await settle(self._node, DropView(name), caller, NOTHING_SHA256)
        return Versioned(ViewDropped(name, settled.seq), settled.seq)


def _safe(request: PutViewRequest) -> SafeView | None:
    """What is masked; None for a view of its own SQL. Raises RefusedError `invalid_request`."""
    masked = bool(request.masks or request.unmasked) or request.rows is not None
    if (request.sql is None) == (request.of is None) or (request.of is None and masked):
        detail = "a view has sql, or of with masks, rows and unmasked"
        raise RefusedError(Refused("invalid_request", detail))
    size_bytes = len(msgspec.json.encode(request))
    if size_bytes > MAX_SQL_BYTES or len(request.masks) + len(request.unmasked) > MAX_COLUMNS:
        detail = f"the definition has {size_bytes:,} bytes; at most {MAX_SQL_BYTES:,} are allowed"
        raise RefusedError(Refused("invalid_request", detail))
    if request.of is None:
        return None
    check_name(request.of)
    masks = tuple(sorted(request.masks.items()))
    return SafeView(request.of, masks, request.rows, tuple(request.unmasked))


def _view_in(state: State, name: str) -> ViewDefinition:
    view = catalog.find_view(state.catalog, name)
    if view is None:
        raise RefusedError(Refused("view_not_found", f"there is no view {name}"))
    return view
