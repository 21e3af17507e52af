"""Profiles: names that stand for other relations. A query as of any moment uses them as they are now."""

import hashlib

from journal.events import Alias
from lakehouse.api.catalog.definitions import (
    Profile,
    ProfileDropped,
    ProfileList,
    PutProfileRequest,
)
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.access.rights import MANAGE, READ
from lakehouse.domain.commands import DropProfile, PutProfile
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_name
from lakehouse.service import presentation, snapshot
from lakehouse.service.access.permissions import Permissions, permissions
from lakehouse.service.access.visible import present_for, visible
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, made_before, settle
from projections import catalog, definitions
from projections.fold import State

MAX_NAMES = 1_000


class Profiles:
    """The profiles of one node's lake."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def put(
        self, caller: Caller, name: str, request: PutProfileRequest, payload: bytes = b""
    ) -> Versioned[Profile]:
        """Make or replace a profile. `payload`: the request as sent.

        Raises RefusedError `forbidden`, and what settle raises.
        """
        command = await self.command(caller, name, request)
        digest = hashlib.sha256(payload).hexdigest()
        settled = await settle(self._node, command, caller, digest)
        return Versioned(presentation.profile(profile_in(settled.state, name)), settled.seq)

    async def command(self, caller: Caller, name: str, request: PutProfileRequest) -> PutProfile:
        """The command of a request. Raises RefusedError `invalid_name`, `invalid_request`."""
        check_name(name)
        if len({alias.lower() for alias in request.names}) < len(request.names):
            raise RefusedError(
                Refused("invalid_request", "an alias is given twice (case does not matter)")
            )
        if len(request.names) > MAX_NAMES:
            detail = f"{len(request.names):,} aliases; at most {MAX_NAMES:,} are allowed"
            raise RefusedError(Refused("invalid_request", detail))
        names: list[Alias] = []
        for alias, target in sorted(request.names.items()):
            check_name(alias)
            check_name(target.to)
            if target.as_of is not None:
                await snapshot.state_as_of(self._node, target.as_of)
            as_of = None if target.as_of is None else str(target.as_of)
            names.append(Alias(alias, target.to, as_of))
        check_profile(self._node, caller, name, tuple(names))
        return PutProfile(name, tuple(names), request.others)

    async def show(self, caller: Caller, name: str) -> Versioned[Profile]:
        """A profile. Raises RefusedError `profile_not_found`."""
        check_name(name)
        state = present_for(self._node, caller)
        return Versioned(presentation.profile(profile_in(state, name)), state.head.seq)

    async def list(self, caller: Caller) -> Versioned[ProfileList]:
        """All profiles in name order."""
        state = present_for(self._node, caller)
        found = sorted(state.catalog.profiles.values(), key=lambda each: each.name)
        rows = [presentation.profile(each) for each in found]
        return Versioned(ProfileList(rows, state.head.seq), state.head.seq)

    async def drop(self, caller: Caller, name: str) -> Versioned[ProfileDropped]:
        """Drop a profile. Raises RefusedError: `forbidden`, `profile_not_found`."""
        check_name(name)
        settled = await made_before(self._node, caller, b"")
        if settled is None:
            check_profile(self._node, caller, name)
            settled = await settle(self._node, DropProfile(name), caller, NOTHING_SHA256)
        return Versioned(ProfileDropped(name, settled.seq), settled.seq)


def profile_in(state: State, name: str) -> definitions.Profile:
    """The profile of that name. Raises RefusedError `profile_not_found`."""
    profile = catalog.find_profile(state.catalog, name)
    if profile is None:
        raise RefusedError(Refused("profile_not_found", f"there is no profile {name}"))
    return profile


def check_profile(node: Node, caller: Caller, name: str, names: tuple[Alias, ...] = ()) -> None:
    """Raises RefusedError `forbidden` unless the caller may put or drop a profile.

    That is the right to manage each alias and to read what it stands for, of the profile as it was
    and as it will be: whoever reads under the profile reads these by its names.
    """
    held = permissions(node, caller)
    if held.unrestricted:
        return
    was = catalog.find_profile(node.state.catalog, name)
    aliases = names + (was.names if was else ())
    seen = all(held.may(READ, each.to) for each in aliases)
    if not aliases or not seen or not all(held.may_change(MANAGE, a.alias) for a in aliases):
        detail = "a profile requires the right to manage its names and to read what they stand for"
        raise RefusedError(Refused("forbidden", detail))


def profile_for(node: Node, held: Permissions, chosen: str | None) -> definitions.Profile | None:
    """The profile that a read has: the principal's own, else the one that it chooses.

    Raises RefusedError: `forbidden` where a principal with a profile chooses another,
    `profile_not_found`, `invalid_request` for an empty name, as of a variable that is not set.
    """
    own = held.principal.profile if held.principal else None
    if own is None and chosen is not None:
        if not chosen:
            detail = "the profile's name is empty; leave profile out for a read without one"
            raise RefusedError(Refused("invalid_request", detail))
        return profile_in(visible(node.state, held), chosen)
    if own is None:
        return None
    if chosen is not None and chosen.lower() != own.lower():
        raise RefusedError(Refused("forbidden", "a principal with a profile cannot choose another"))
    return profile_in(node.state, own)


async def under(
    node: Node, held: Permissions, chosen: str | None, state: State
) -> dict[str, catalog.Dataset]:
    """The datasets that a catalog read shows under a profile, by lower-case alias or name.

    Raises RefusedError as `profile_for` does. Aliases of views are no datasets.
    """
    profile = profile_for(node, held, chosen)
    seen = dict(visible(state, held).catalog.datasets)
    if profile is None:
        return seen
    shown = seen if profile.others == "visible" else {}
    for alias in profile.names:
        shown.pop(alias.alias.lower(), None)
        if not held.shows(alias.alias, alias.to):
            continue
        then = state if alias.as_of is None else await snapshot.state_as_of(node, alias.as_of)
        target = catalog.find(then.catalog, alias.to)
        if target is not None:
            shown[alias.alias.lower()] = catalog.named(target, alias.alias)
    return shown
