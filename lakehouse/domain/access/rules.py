"""The rules of principals, tokens and grants. Pure; a part of `decide`.

Must never leave a lake that has principals without an admin who may sign in.
"""

from typing import assert_never

import msgspec

from journal.access_events import (
    AccessChange,
    GrantDropped,
    GrantPut,
    PrincipalDropped,
    PrincipalPut,
    TokenIssued,
    TokenRevoked,
)
from lakehouse.domain.access.commands import (
    AnyAccessCommand,
    DropGrant,
    DropPrincipal,
    IssueToken,
    PutGrant,
    PutPrincipal,
    RevokeToken,
)
from lakehouse.domain.access.rights import grant_on
from lakehouse.domain.decision import Decision, Unchanged
from lakehouse.domain.errors import Refused
from projections import access, catalog, history
from projections.access import Access, Grant, Principal
from projections.fold import State

MAX_PRINCIPALS = 10_000
MAX_TOKENS = 1_000
"""Of one principal."""
MAX_GRANTS = 1_000
"""Of one principal."""


def decide(state: State, command: AnyAccessCommand) -> Decision:
    """What becomes of a command about access."""
    match command:
        case PutPrincipal():
            return _unknown_profile(state, command) or _put_principal(state.access, command)
        case DropPrincipal():
            return _drop_principal(state.access, command)
        case IssueToken():
            return _issue_token(state.access, command)
        case RevokeToken():
            return _revoke_token(state.access, command)
        case PutGrant():
            return _put_grant(state.access, command)
        case DropGrant():
            return _drop_grant(state.access, command)
    assert_never(command)


def _unknown_profile(state: State, command: PutPrincipal) -> Refused | None:
    """Refuse to give a principal a profile that does not exist: the principal would see nothing.

    One that it already has may stay.
    """
    live, name = access.find(state.access, command.name), command.profile
    if name is None or catalog.find_profile(state.catalog, name) is not None:
        return None
    if live is not None and live.profile == name:
        return None
    return Refused("profile_not_found", f"there is no profile {name}; make the profile first")


def _put_principal(now: Access, command: PutPrincipal) -> Decision:
    if command.first and now.principals:
        return Refused("already_initialised", "the lake has principals already")
    live = access.find(now, command.name)
    if live is None and len(now.principals) >= MAX_PRINCIPALS:
        return Refused("invalid_request", f"a lake has at most {MAX_PRINCIPALS:,} principals")
    if live is not None and live.name != command.name:
        detail = f"{command.name} differs only in case from the existing principal {live.name}"
        return Refused("name_taken", detail)
    stays = command.admin and not command.disabled
    if live is not None and not stays and (refused := _last_admin(now, live)):
        return refused
    data = PrincipalPut(*msgspec.structs.astuple(command)[:-2])
    if live is not None and _same(live, data) and not command.renewed:
        return Unchanged(live.seq)
    return data


def _drop_principal(now: Access, command: DropPrincipal) -> Decision:
    live = access.find(now, command.name)
    if live is None:
        return _no_principal(command.name)
    return _last_admin(now, live) or PrincipalDropped(live.name)


def _issue_token(now: Access, command: IssueToken) -> Decision:
    live = access.find(now, command.principal)
    if live is None:
        return _no_principal(command.principal)
    if command.id in now.tokens:
        return Refused("invalid_request", f"the token {command.id} exists already")
    if len(access.tokens_of(now, live.name)) >= MAX_TOKENS:
        detail = f"{live.name} has {MAX_TOKENS:,} tokens; revoke those that are not needed"
        return Refused("invalid_request", detail)
    return TokenIssued(
        command.id, live.name, command.secret_sha256, command.expires_at, command.note
    )


def _revoke_token(now: Access, command: RevokeToken) -> Decision:
    token = now.tokens.get(command.id)
    if token is None:
        return Refused("token_not_found", f"there is no token {command.id[:64]}")
    return TokenRevoked(token.id, token.principal)


def _put_grant(now: Access, command: PutGrant) -> Decision:
    live = access.find(now, command.principal)
    if live is None:
        return _no_principal(command.principal)
    was = grant_on(access.grants_of(now, live.name), command.on)
    if was is not None and was.can == command.can:
        return Unchanged(was.seq)
    if was is None and len(access.grants_of(now, live.name)) >= MAX_GRANTS:
        detail = f"{live.name} has {MAX_GRANTS:,} grants; use patterns that end in *"
        return Refused("invalid_request", detail)
    return GrantPut(live.name, was.on if was is not None else command.on, command.can)


def _drop_grant(now: Access, command: DropGrant) -> Decision:
    live = access.find(now, command.principal)
    if live is None:
        return _no_principal(command.principal)
    was = grant_on(access.grants_of(now, live.name), command.on)
    if was is None:
        return Refused("grant_not_found", f"{live.name} has no grant on {command.on[:128]!r}")
    return GrantDropped(live.name, was.on)


def _last_admin(now: Access, live: Principal) -> Refused | None:
    """The refusal to remove the last admin who is not disabled."""
    admins = [each for each in now.principals.values() if each.admin and not each.disabled]
    if admins != [live]:
        return None
    return Refused("last_admin", f"{live.name} is the only admin; make another one first")


def _no_principal(name: str) -> Refused:
    return Refused("principal_not_found", f"there is no principal {name[:128]}")


def _same(live: Principal, data: PrincipalPut) -> bool:
    return all(getattr(live, name) == getattr(data, name) for name in data.__struct_fields__)


def inverse(data: AccessChange, before: Access) -> AnyAccessCommand | Refused:
    """The command that undoes an event of access; `before` is the state that it was decided on."""
    match data:
        case PrincipalPut():
            was = access.find(before, data.name)
            return _put_again(was) if was else DropPrincipal(data.name)
        case TokenIssued():
            return RevokeToken(data.id)
        case GrantPut() | GrantDropped():
            grant = grant_on(access.grants_of(before, data.principal), data.on)
            return _grant_again(data.principal, data.on, grant)
        case PrincipalDropped():
            detail = "its tokens and grants ended with it; make it and grant to it again"
        case TokenRevoked():
            detail = "a revoked token stays revoked; issue another"
        case _:
            assert_never(data)
    return Refused("cannot_undo", f"{data.TYPE}: {detail}")


def changed_since(state: State, seq: int, data: AccessChange) -> Refused | None:
    """The refusal to undo an event of access that a later one of the same thing follows."""
    entity = history.access_entity(data)
    link = state.history.links.get(entity)
    if link is None or link[1] == seq:
        return None
    detail = f"event {link[1]} changed {entity.replace(':', ' ', 1)} after event {seq}"
    return Refused("undo_conflict", f"{detail}; undo that first")


def command_of(data: AccessChange) -> AnyAccessCommand:
    """The command of an event of access, as a client would send it again."""
    match data:
        case PrincipalPut():
            return PutPrincipal(*msgspec.structs.astuple(data))
        case PrincipalDropped():
            return DropPrincipal(data.name)
        case TokenIssued():
            return IssueToken(*msgspec.structs.astuple(data))
        case TokenRevoked():
            return RevokeToken(data.id)
        case GrantPut():
            return PutGrant(data.principal, data.on, data.can)
        case GrantDropped():
            return DropGrant(data.principal, data.on)
    assert_never(data)


def _put_again(was: Principal) -> PutPrincipal:
    return PutPrincipal(was.name, was.kind, was.admin, was.profile, was.disabled, was.limits)


def _grant_again(principal: str, on: str, was: Grant | None) -> PutGrant | DropGrant:
    return PutGrant(principal, on, was.can) if was else DropGrant(principal, on)
