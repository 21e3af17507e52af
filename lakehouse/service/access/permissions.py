"""What a caller may do: the one place where use cases ask, always on the node's present state.

Must never read a past state: a grant that was removed reads nothing, at any moment of the past.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from journal.events import Change
from journal.slot import format_at
from lakehouse.commit.node import Node
from lakehouse.domain.access import rights
from lakehouse.domain.access.rights import READ, STORAGE
from lakehouse.domain.access.subjects import subjects_of
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.caller import BACKGROUND, CLI, Caller
from projections import access, catalog
from projections.access import Grant, Principal
from projections.definitions import Profile


class Permissions(msgspec.Struct, frozen=True):
    """The rights of one caller now.

    `unrestricted`: an open lake, an admin, a command on the bucket itself, or the process's own task.
    `profile` is the one that the principal's reads must have; `hides_all`: that profile does not exist.
    """

    unrestricted: bool
    principal: Principal | None = None
    grants: tuple[Grant, ...] = ()
    profile: Profile | None = None
    hides_all: bool = False

    def may(self, right: str, subject: str) -> bool:
        """Whether the caller has the right on a name, or on `storage:` and a key."""
        return self.unrestricted or rights.may(self.principal, self.grants, right, subject)

    def may_change(self, right: str, subject: str) -> bool:
        """Whether the caller may change what has that name.

        Not if its profile hides it: a condition on rows would tell what the profile does not show.
        """
        hidden = not subject.startswith(STORAGE) and self._redirected(subject.lower())
        return self.may(right, subject) and (self.unrestricted or not hidden)

    def may_key(self, right: str, key: str) -> bool:
        """Whether the caller has the right on a key of storage by a grant on keys."""
        return self.may(right, STORAGE + key)

    def key_patterns(self, right: str) -> list[str]:
        """The keys, or beginnings of keys and `*`, on which grants give the right."""
        return rights.key_patterns(self.principal, self.grants, right)

    def readable_names(self) -> list[str] | None:
        """All names, in lower case, that `sees` can be true for; None if they cannot be listed."""
        is_admin = self.unrestricted or (self.principal is not None and self.principal.admin)
        return None if is_admin else rights.exact_names(self.grants, READ)

    def sees(self, name: str) -> bool:
        """Whether the caller may read the dataset or view that has this name.

        What the profile of the principal hides, or puts another relation in the place of, is not seen.
        """
        if self.unrestricted:
            return True
        return not self._redirected(name.lower()) and self.may(READ, name)

    def shows(self, alias: str, to: str) -> bool:
        """Whether the caller may read what an alias of a profile stands for.

        An admin has given the principal its profile, so a grant on the alias is enough there.
        """
        if self.unrestricted or self.may(READ, to):
            return True
        return self.profile is not None and self.may(READ, alias)

    @property
    def reads_everything(self) -> bool:
        """Whether the caller may read every dataset, view and key, those to come included."""
        if self.unrestricted:
            return True
        redirected = self.hides_all or self.profile is not None
        return not redirected and self.may(READ, "*") and self.may_key(READ, "*")

    @property
    def name(self) -> str | None:
        """The name of a principal that has not all rights; None otherwise."""
        return self.principal.name if self.principal and not self.unrestricted else None

    @property
    def scope(self) -> str:
        """A hash of all that decides what the caller sees; empty if the caller sees everything."""
        if self.unrestricted:
            return ""
        seen = (self.name, self.grants, self.profile, self.hides_all)
        return hashlib.sha256(msgspec.json.encode(seen)).hexdigest()[:32]

    def _redirected(self, name: str) -> bool:
        if self.hides_all:
            return True
        if self.profile is None:
            return False
        alias = next((each for each in self.profile.names if each.alias.lower() == name), None)
        if alias is None:
            return self.profile.others == "hidden"
        return alias.to.lower() != name or alias.as_of is not None


_CHAINS = {
    "view_cycle": "the view would read itself, through others",
    "derivation_cycle": "the dataset would be derived from itself, through others",
}
"""Refusals whose detail names a chain of relations; the detail for callers who may not read all of them."""
_UNDO_FORBIDDEN = Refused("forbidden", "that requires rights on all that the event changed")
EVERYTHING = Permissions(unrestricted=True)
NOTHING = Permissions(unrestricted=False)


def permissions(node: Node, caller: Caller) -> Permissions:
    """What the caller may do now."""
    now = node.state
    if caller.door in (CLI, BACKGROUND) or not now.access.principals:
        return EVERYTHING
    if caller.principal is None or not _is_proven(node, caller):
        return NOTHING
    principal = access.find(now.access, caller.principal)
    if principal is None or principal.disabled:
        return NOTHING
    if principal.admin:
        return Permissions(unrestricted=True, principal=principal)
    grants = access.grants_of(now.access, principal.name)
    if principal.profile is None:
        return Permissions(unrestricted=False, principal=principal, grants=grants)
    profile = catalog.find_profile(now.catalog, principal.profile)
    return Permissions(
        unrestricted=False,
        principal=principal,
        grants=grants,
        profile=profile,
        hides_all=profile is None,
    )


def _is_proven(node: Node, caller: Caller) -> bool:
    """Whether the token that identified the caller is still valid."""
    if caller.signed_until is not None:
        return caller.signed_until > format_at(node.clock.now())
    return token_is_valid(node, caller.token)


def token_is_valid(node: Node, id_: str | None) -> bool:
    """Whether a token was neither revoked nor has expired; None, no token, is not valid."""
    token = node.state.access.tokens.get(id_) if id_ is not None else None
    if token is None:
        return False
    return token.expires_at is None or token.expires_at > format_at(node.clock.now())


def require(node: Node, caller: Caller, right: str, *subjects: str) -> None:
    """Raises RefusedError `forbidden` unless the caller has the right on each name or key.

    The refusal is the same whether the things exist or not.
    """
    held = permissions(node, caller)
    for subject in subjects:
        if not held.may_change(right, subject):
            raise RefusedError(forbidden(right, subject))


def require_key(node: Node, caller: Caller, right: str, key: str) -> None:
    """Raises RefusedError `forbidden` unless the caller has the right on a key of storage."""
    require(node, caller, right, STORAGE + key)


def require_undo(node: Node, caller: Caller, changes: Iterable[Change]) -> None:
    """Raises RefusedError `forbidden` unless the caller may undo each of these changes.

    Whoever may see nothing of an event is answered the same whatever it changed.
    """
    held = permissions(node, caller)
    if held.unrestricted:
        return
    for change in changes:
        subjects = subjects_of(change)
        if subjects is None:
            raise RefusedError(_UNDO_FORBIDDEN)
        for name in subjects.changed:
            if not held.may_change(subjects.right, name):
                shown = held.may(READ, name) if name.startswith(STORAGE) else held.sees(name)
                raise RefusedError(forbidden(subjects.right, name) if shown else _UNDO_FORBIDDEN)
        if not all(held.may(READ, name) for name in subjects.reads):
            raise RefusedError(forbidden(READ, "all that it reads"))


def require_admin(node: Node, caller: Caller) -> None:
    """Raises RefusedError `forbidden` unless the caller has all rights."""
    if not permissions(node, caller).unrestricted:
        raise RefusedError(Refused("forbidden", "only an admin may do that"))


def shown_to(held: Permissions, refused: Refused) -> Refused:
    """A refusal without the names that the caller may not read."""
    if held.unrestricted or refused.code not in _CHAINS:
        return refused
    return msgspec.structs.replace(refused, detail=_CHAINS[refused.code])


def forbidden(right: str, subject: str) -> Refused:
    """The refusal of a change without the right."""
    return Refused("forbidden", f"that requires the right to {right} {subject[:256]}")
