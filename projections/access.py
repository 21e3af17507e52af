"""Access: the principals, their tokens and their grants. Pure.

Must never decide what a principal may do: `domain/access` does, always on the present state.
"""

from typing import assert_never

import msgspec
from immutables import Map

from journal.access_events import (
    AccessChange,
    GrantDropped,
    GrantPut,
    PrincipalDropped,
    PrincipalLimits,
    PrincipalPut,
    TokenIssued,
    TokenRevoked,
)
from projections.moment import Moment
from projections.overlay import Overlay


class Principal(msgspec.Struct, frozen=True, gc=False):
    """One principal; fields as in the event, `seq` and `updated_at` of its last one."""

    name: str
    kind: str
    admin: bool
    profile: str | None
    disabled: bool
    limits: PrincipalLimits
    created_at: str
    updated_at: str
    seq: int


class Token(msgspec.Struct, frozen=True, gc=False):
    """One token that was not revoked; it may have expired. `secret_sha256` is hexadecimal."""

    id: str
    principal: str
    secret_sha256: str
    expires_at: str | None
    note: str | None
    issued_at: str
    seq: int


class Grant(msgspec.Struct, frozen=True, gc=False):
    """The rights of a principal on what the pattern `on` matches."""

    on: str
    can: tuple[str, ...]
    updated_at: str
    seq: int


class Access(msgspec.Struct, frozen=True):
    """Principals and grants by the principal's lower-case name, tokens by id."""

    principals: Map[str, Principal] = Map()
    tokens: Map[str, Token] = Map()
    grants: Map[str, tuple[Grant, ...]] = Map()


EMPTY = Access()


class Draft:
    """Access while events are folded into it."""

    def __init__(self, access: Access) -> None:
        self.principals = Overlay(access.principals)
        self.tokens = Overlay(access.tokens)
        self.grants = Overlay(access.grants)

    def is_open(self) -> bool:
        """Whether there is no principal."""
        return self.principals.is_empty()

    def finish(self) -> Access:
        """Access after the events; the draft must not be used again."""
        return Access(self.principals.finish(), self.tokens.finish(), self.grants.finish())


def apply(draft: Draft, data: AccessChange, moment: Moment) -> None:
    """Fold one change into a draft of access."""
    match data:
        case PrincipalPut():
            was = draft.principals.find(data.name.lower())
            draft.principals.put(data.name.lower(), _principal(data, was, moment))
        case PrincipalDropped():
            _drop(draft, data.name.lower())
        case TokenIssued():
            draft.tokens.put(data.id, _token(data, moment))
        case TokenRevoked():
            draft.tokens.drop(data.id)
        case GrantPut():
            grant = Grant(data.on, data.can, moment.at, moment.seq)
            _put_grants(draft, data, (grant,))
        case GrantDropped():
            _put_grants(draft, data, ())
        case _:
            assert_never(data)


def find(access: Access, name: str) -> Principal | None:
    """The principal of that name, whatever its case."""
    return access.principals.get(name.lower())


def grants_of(access: Access, name: str) -> tuple[Grant, ...]:
    """The grants of a principal, in the order of their patterns."""
    return access.grants.get(name.lower(), ())


def tokens_of(access: Access, name: str) -> list[Token]:
    """The tokens of a principal, oldest first."""
    found = [each for each in access.tokens.values() if each.principal.lower() == name.lower()]
    return sorted(found, key=lambda token: (token.seq, token.id))


def _drop(draft: Draft, name: str) -> None:
    draft.principals.drop(name)
    draft.grants.drop(name)
    ended = [id_ for id_, token in draft.tokens.items() if token.principal.lower() == name]
    draft.tokens.drop_all(ended)


def _put_grants(draft: Draft, data: GrantPut | GrantDropped, put: tuple[Grant, ...]) -> None:
    """The principal's grants with this one instead of the one of the same pattern."""
    name = data.principal.lower()
    others = [each for each in draft.grants.find(name) or () if each.on != data.on]
    grants = tuple(sorted([*others, *put], key=lambda grant: grant.on))
    if grants:
        draft.grants.put(name, grants)
    else:
        draft.grants.drop(name)


def _principal(data: PrincipalPut, was: Principal | None, moment: Moment) -> Principal:
    return Principal(
        *(data.name, data.kind, data.admin, data.profile, data.disabled, data.limits),
        *(was.created_at if was else moment.at, moment.at, moment.seq),
    )


def _token(data: TokenIssued, moment: Moment) -> Token:
    return Token(
        *(data.id, data.principal, data.secret_sha256, data.expires_at, data.note),
        *(moment.at, moment.seq),
    )
