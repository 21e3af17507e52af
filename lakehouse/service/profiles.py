"""Profiles: what names stand for. Kept as they are now, whatever moment a query is of."""

import hashlib

from journal.events import Alias
from lakehouse.api.definitions import (
    Profile,
    ProfileDropped,
    ProfileList,
    PutProfileRequest,
)
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.commands import DropProfile, PutProfile
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.validation import check_name
from lakehouse.service import presentation, snapshot
from lakehouse.service.caller import Caller
from lakehouse.service.changes import NOTHING_SHA256, settle
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
        """Make or replace a profile. `payload`: the request as sent. Raises what settle raises."""
        command = await self.command(caller, name, request)
        digest = hashlib.sha256(payload).hexdigest()
        settled = await settle(self._node, command, caller, digest)
        return Versioned(presentation.profile(profile_in(settled.state, name)), settled.seq)

    async def command(self, caller: Caller, name: str, request: PutProfileRequest) -> PutProfile:
        """The command of a request. Raises RefusedError `invalid_name`, `invalid_request`."""
        check_name(name)
        if len({alias.lower() for alias in request.names}) < len(request.names):
            raise RefusedError(Refused("invalid_request", "an alias is there twice, but for case"))
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
        return PutProfile(name, tuple(names), request.others)

    async def show(self, caller: Caller, name: str) -> Versioned[Profile]:
        """A profile. Raises RefusedError `profile_not_found`."""
        check_name(name)
        state = self._node.state
        return Versioned(presentation.profile(profile_in(state, name)), state.head.seq)

    async def list(self, caller: Caller) -> Versioned[ProfileList]:
        """All profiles in name order."""
        state = self._node.state
        found = sorted(state.catalog.profiles.values(), key=lambda each: each.name)
        rows = [presentation.profile(each) for each in found]
        return Versioned(ProfileList(rows, state.head.seq), state.head.seq)

    async def drop(self, caller: Caller, name: str) -> Versioned[ProfileDropped]:
        """Drop a profile. Raises RefusedError `profile_not_found`."""
        check_name(name)
        settled = await settle(self._node, DropProfile(name), caller, NOTHING_SHA256)
        return Versioned(ProfileDropped(name, settled.seq), settled.seq)


def profile_in(state: State, name: str) -> definitions.Profile:
    """The profile of that name. Raises RefusedError `profile_not_found`."""
    profile = catalog.find_profile(state.catalog, name)
    if profile is None:
        raise RefusedError(Refused("profile_not_found", f"there is no profile {name}"))
    return profile


async def under(node: Node, profile: str | None, state: State) -> dict[str, catalog.Dataset]:
    """The datasets that a catalog read shows under a profile, by lower-case alias or name.

    Raises RefusedError `profile_not_found`. Aliases of views are no datasets.
    """
    if profile is None:
        return dict(state.catalog.datasets)
    found = profile_in(node.state, profile)
    shown = dict(state.catalog.datasets) if found.others == "visible" else {}
    for alias in found.names:
        then = state if alias.as_of is None else await snapshot.state_as_of(node, alias.as_of)
        target = catalog.find(then.catalog, alias.to)
        shown.pop(alias.alias.lower(), None)
        if target is not None:
            shown[alias.alias.lower()] = catalog.named(target, alias.alias)
    return shown
