"""Principals and grants: put, shown, listed and dropped by admins; who the caller is."""

import hashlib
import re
from collections.abc import Iterable

import msgspec

from journal.access_events import PrincipalLimits
from lakehouse.api import access as api
from lakehouse.api.access import (
    Grant,
    GrantDropped,
    GrantList,
    IssuedToken,
    IssueTokenRequest,
    Limits,
    Me,
    Principal,
    PrincipalDropped,
    PrincipalList,
    PutGrantRequest,
    PutPrincipalRequest,
)
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.access.commands import DropGrant, DropPrincipal, PutGrant, PutPrincipal
from lakehouse.domain.access.rights import RIGHTS, check_pattern, grant_on
from lakehouse.domain.commands import Command, CommitChangeSet
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_name
from lakehouse.service.access.permissions import Permissions, permissions, require_admin
from lakehouse.service.access.tokens import Tokens
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, settle
from projections import access

_PRINCIPAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")


class Access:
    """The principals and grants of one node's lake."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.tokens = Tokens(node)

    async def init(self, caller: Caller, name: str, *, recover: bool) -> Versioned[IssuedToken]:
        """Make the first admin and a token of it; with `recover` one more, in any case.

        Only a command on the bucket itself may call this. Raises RefusedError `already_initialised`.
        """
        check_principal(name)
        await self._node.refresh(verify=True)
        if self._node.state.access.principals and not recover:
            detail = "the lake has principals already"
            raise RefusedError(Refused("already_initialised", detail))
        issue, token = self.tokens.command(IssueTokenRequest(name))
        live = access.find(self._node.state.access, name) if recover else None
        called, kind = (live.name, live.kind) if live else (name, "user")
        put = PutPrincipal(called, kind, admin=True, first=not recover)
        if live is not None:
            put = msgspec.structs.replace(put, profile=live.profile, limits=live.limits)
        settled = await settle(self._node, CommitChangeSet((put, issue)), caller, NOTHING_SHA256)
        shown = token if settled.fresh else None
        return Versioned(IssuedToken(called, issue.id, shown, None, settled.seq), settled.seq)

    async def put_principal(
        self, caller: Caller, name: str, request: PutPrincipalRequest, payload: bytes = b""
    ) -> Versioned[Principal]:
        """Make or replace a principal.

        Raises RefusedError: `forbidden`, `last_admin`, `name_taken`, `profile_not_found`.
        """
        require_admin(self._node, caller)
        check_principal(name)
        if not self._node.state.access.principals:
            detail = (
                "the lake is open; `lakehouse access init` on its bucket makes the first principal"
            )
            raise RefusedError(Refused("forbidden", detail))
        if request.profile is not None:
            check_name(request.profile)
        command = PutPrincipal(
            *(name, request.kind, request.admin, request.profile, request.disabled),
            PrincipalLimits(**msgspec.structs.asdict(request.limits)),
        )
        seq = await self._settled(caller, command, payload)
        return Versioned(self._principal(name), seq)

    async def end_sessions(self, caller: Caller) -> None:
        """End all sessions of the caller, on every process: its principal is put again as it is.

        Raises RefusedError `principal_not_found`, and what settle raises.
        """
        live = access.find(self._node.state.access, caller.principal or "")
        if live is None:
            detail = f"there is no principal {caller.principal}"
            raise RefusedError(Refused("principal_not_found", detail))
        command = PutPrincipal(
            *(live.name, live.kind, live.admin, live.profile, live.disabled, live.limits),
            renewed=True,
        )
        caller = msgspec.structs.replace(caller, reason="signed out everywhere")
        await settle(self._node, command, caller, NOTHING_SHA256)

    async def show_principal(self, caller: Caller, name: str) -> Versioned[Principal]:
        """A principal. Raises RefusedError: `forbidden`, `principal_not_found`."""
        require_admin(self._node, caller)
        return Versioned(self._principal(name), self._node.state.head.seq)

    async def list_principals(self, caller: Caller) -> Versioned[PrincipalList]:
        """All principals in name order. Raises RefusedError `forbidden`."""
        require_admin(self._node, caller)
        state = self._node.state
        found = sorted(state.access.principals.values(), key=lambda each: each.name)
        rows = [_principal(each) for each in found]
        return Versioned(PrincipalList(rows, state.head.seq), state.head.seq)

    async def drop_principal(self, caller: Caller, name: str) -> Versioned[PrincipalDropped]:
        """Drop a principal with its tokens and grants. Raises RefusedError as put_principal does."""
        require_admin(self._node, caller)
        seq = await self._settled(caller, DropPrincipal(name))
        return Versioned(PrincipalDropped(name, seq), seq)

    async def put_grant(
        self, caller: Caller, request: PutGrantRequest, payload: bytes = b""
    ) -> Versioned[Grant]:
        """Give a principal exactly these rights on what a pattern matches.

        Raises RefusedError: `forbidden`, `principal_not_found`, `invalid_request`.
        """
        require_admin(self._node, caller)
        check_pattern(request.on)
        if not request.can:
            detail = "`can` names no right; to remove a grant, use DELETE"
            raise RefusedError(Refused("invalid_request", detail))
        can = tuple(right for right in RIGHTS if right in request.can)
        seq = await self._settled(caller, PutGrant(request.principal, request.on, can), payload)
        found = grant_on(access.grants_of(self._node.state.access, request.principal), request.on)
        if found is None:
            raise RefusedError(Refused("grant_not_found", "it was removed meanwhile"))
        return Versioned(_grant(request.principal, found), seq)

    async def list_grants(self, caller: Caller, principal: str | None) -> Versioned[GrantList]:
        """The grants of one principal, or all, by principal and pattern. Raises `forbidden`."""
        require_admin(self._node, caller)
        state = self._node.state
        if principal is not None:
            self._principal(principal)
        names = [each.name for each in state.access.principals.values()]
        wanted = sorted(name for name in names if principal in (None, name))
        rows = [row for name in wanted for row in _grants(state.access, name)]
        return Versioned(GrantList(rows, state.head.seq), state.head.seq)

    async def drop_grant(self, caller: Caller, principal: str, on: str) -> Versioned[GrantDropped]:
        """Remove a grant.

        Raises RefusedError: `forbidden`, `invalid_request`, `principal_not_found`, `grant_not_found`.
        """
        require_admin(self._node, caller)
        check_pattern(on)
        seq = await self._settled(caller, DropGrant(principal, on))
        return Versioned(GrantDropped(principal, on, seq), seq)

    def held(self, caller: Caller) -> Permissions:
        """What the caller may do now: for a door that offers only that. Use cases decide themselves."""
        return permissions(self._node, caller)

    async def me(self, caller: Caller) -> Versioned[Me]:
        """Who the caller is, and what it may do."""
        held, state = permissions(self._node, caller), self._node.state
        who = held.principal
        if who is None:
            nobody = Me(None, None, held.unrestricted, None, Limits(), [], state.head.seq)
            return Versioned(nobody, state.head.seq)
        grants = list(_grants(state.access, who.name))
        found = _principal(who)
        body = Me(
            *(who.name, who.kind, who.admin, who.profile, found.limits, grants),
            state.head.seq,
        )
        return Versioned(body, state.head.seq)

    async def _settled(self, caller: Caller, command: Command, payload: bytes = b"") -> int:
        digest = hashlib.sha256(payload).hexdigest()
        return (await settle(self._node, command, caller, digest)).seq

    def _principal(self, name: str) -> Principal:
        found = access.find(self._node.state.access, name)
        if found is None:
            raise RefusedError(
                Refused("principal_not_found", f"there is no principal {name[:128]}")
            )
        return _principal(found)


def check_principal(name: str) -> None:
    """Raises RefusedError `invalid_name` for what cannot be the name of a principal."""
    if not _PRINCIPAL.fullmatch(name):
        detail = "a principal's name has 1 to 128 of A-Z, a-z, 0-9 and . _ @ + -"
        raise RefusedError(Refused("invalid_name", f"{detail}; it begins with a letter or digit"))


def _principal(found: access.Principal) -> Principal:
    return Principal(
        *(found.name, found.kind, found.admin, found.profile, found.disabled),
        Limits(**msgspec.structs.asdict(found.limits)),
        *(found.created_at, found.updated_at, found.seq),
    )


def _grants(now: access.Access, principal: str) -> Iterable[Grant]:
    return (_grant(principal, each) for each in access.grants_of(now, principal))


def _grant(principal: str, found: access.Grant) -> api.Grant:
    return Grant(principal, found.on, list(found.can), found.updated_at, found.seq)
