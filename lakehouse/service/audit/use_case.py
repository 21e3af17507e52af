"""The audit as use cases: what the doors record, and its pages.

Must never record a statement, a body or a token: a door names routes, relations and versions.
"""

from importlib.metadata import version

import msgspec

from journal.slot import format_at
from lakehouse.api.audit.entries import AuditEntry, AuditPage, ListAuditQuery, OcsfPage
from lakehouse.audit import reading
from lakehouse.audit.log import AuditLog
from lakehouse.audit.ocsf import entry_event
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import READ
from lakehouse.domain.errors import Refused
from lakehouse.service.access.authentication import Identity
from lakehouse.service.access.permissions import permissions
from lakehouse.service.caller import Caller
from projections import catalog


class Audit:
    """The audit of one node, and of all nodes as the bucket has it."""

    def __init__(self, node: Node, log: AuditLog) -> None:
        self._node = node
        self.log = log

    def record(self, entry: AuditEntry) -> None:
        """Take the entry of a request that ends now; the settings say which kinds are kept."""
        if self.log.keeps(entry.kind):
            at = format_at(self._node.clock.now())
            self.log.record(msgspec.structs.replace(entry, at=at))

    def read_refusal(self) -> Refused | None:
        """Why no read may be answered now, if the audit cannot be kept."""
        return self.log.read_refusal()

    def hides(self, identity: Identity, name: str) -> bool:
        """Whether 404 about `name` hid a dataset, view or key that is there from its principal."""
        if identity.principal is None:
            return False
        caller = Caller(
            *(identity.principal, 0.0),
            principal=identity.principal,
            token=identity.token,
            signed_until=identity.signed_until,
        )
        held, state = permissions(self._node, caller), self._node.state
        if catalog.find(state.catalog, name) or catalog.find_view(state.catalog, name):
            return not held.sees(name)
        return name in state.inventory.keys and not held.may_key(READ, name)

    async def entries(self, caller: Caller, query: ListAuditQuery) -> AuditPage | OcsfPage:
        """A page of the entries that are stored. Raises what `reading.entries` raises."""
        page = await reading.entries(self._node.bucket, query.after, query.limit)
        if query.format == "json":
            return page
        made_by = version("lakehouse")
        return OcsfPage([entry_event(each, made_by) for each in page.entries], page.next)
