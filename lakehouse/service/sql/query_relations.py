"""The relations that a statement names, in one state: datasets, views and system views.

Owns the resolution of names. Must never decide which names a statement may use: the guard does.
"""

from collections.abc import Iterator, Mapping

import msgspec

from journal.events import Alias, Read
from lakehouse.commit.node import Node
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.rules.derivations import PROFILE
from lakehouse.query.relations import RelationName, inner_name, parse_relation
from lakehouse.service import snapshot
from lakehouse.service.access.permissions import Permissions
from lakehouse.service.access.visible import lens, visible
from lakehouse.service.secret_key import SecretKey
from lakehouse.service.sql import near_names
from lakehouse.service.sql.fixed_relations import FixedRelations
from lakehouse.service.sql.query_objects import QueryObjects
from lakehouse.system.files import Loan
from lakehouse.system.view_table import SCHEMA
from lakehouse.system.views import SystemViews
from projections import inventory
from projections.catalog import Dataset
from projections.definitions import Profile
from projections.fold import State
from projections.view_sql.datasets import Definition, View
from projections.view_sql.safe import masks_hash

LISTING = "information_schema"
"""The name, among what was read, of the list of all datasets and views."""


_NAMING = {
    "view_broken": "a view that the statement reads is broken",
    "view_cycle": "a view that the statement reads leads back to itself",
    "object_damaged": "an object that the statement reads is damaged",
    "object_lost": "an object that the statement reads is absent from the bucket",
}
"""Refusals that name what is read through a view, and what they say without it."""


class QueryRelations:
    """The relations that one query reads, from one state."""

    def __init__(
        self,
        node: Node,
        state: State,
        system: SystemViews,
        loan: Loan,
        moments: FixedRelations,
        objects: QueryObjects,
        mask_key: SecretKey,
        held: Permissions,
        profile: Profile | None = None,
        *,
        binds: bool = False,
    ) -> None:
        """`binds`: a view is put, so that what it reads is what its maker must be allowed to read."""
        self.objects = objects
        self._mask_key = mask_key
        self._held = held
        self._binds = binds
        self._inner: set[str] = set()
        """What the views that were resolved read: nothing else is resolved under an inner name."""
        self._profile = profile
        self._node = node
        self._moments = moments
        self._state = state
        self._system = system
        self._loan = loan
        self._versions: dict[tuple[str, int], Read] = {}

    def versions(self) -> tuple[Read, ...]:
        """What was resolved, through views too, in which versions; the profile is the last one."""
        found = [read for _, read in sorted(self._versions.items())]
        if self._profile is not None:
            found.append(Read(f"{PROFILE}{self._profile.name}", self._profile.seq, None))
        return tuple(found)

    async def resolve(self, names: frozenset[str] | None) -> Mapping[str, View]:
        """Views by relation; all datasets for None. Raises RefusedError."""
        if names is None:
            seq = self._state.head.seq
            self._versions[LISTING, 0] = Read(LISTING, seq, None)
            return self._listed()
        found = [(name, await self._resolved(name)) for name in sorted(names)]
        return {name: view for name, view in found if view is not None}

    async def _resolved(self, name: str) -> View | None:
        relation = parse_relation(name)
        if not self._may_read(name, relation):
            return None
        if self._profile is not None and not relation.system and not relation.inner:
            return await self._under(self._profile, relation)
        if relation.moment is None:
            return await self._found(relation, self._state)
        now = self._node.state
        then = await snapshot.state_as_of(self._node, relation.moment)
        view = await self._found(relation, then)
        if view is None:
            return None
        dataset = None if relation.system else then.catalog.datasets.get(relation.name)
        self._moments.note(name, relation.moment, then, now, dataset)
        return msgspec.structs.replace(view, name=relation.called)

    def _may_read(self, name: str, relation: RelationName) -> bool:
        """Whether the statement may name a relation. What a view reads, its own maker could read."""
        if relation.inner and name in self._inner:
            return True
        if relation.inner and not self._binds:
            return False
        if relation.system or self._held.unrestricted:
            return True
        alias = _alias(self._profile, relation.name)
        if alias is not None:
            return self._held.shows(alias.alias, alias.to)
        return self._held.sees(relation.name)

    async def _under(self, profile: Profile, relation: RelationName) -> View | None:
        """What a statement's name stands for under a profile; an alias's own moment goes before."""
        alias = _alias(profile, relation.name)
        if alias is None and profile.others == "hidden":
            return None
        moment = alias.as_of if alias is not None and alias.as_of is not None else relation.moment
        state = self._state
        if moment is not None:
            state = await snapshot.state_as_of(self._node, moment)
        target = alias.to.lower() if alias is not None else relation.name
        view = await self._found(RelationName(target, False, moment), state)
        if view is None:
            return None
        called = alias.alias if alias is not None and relation.moment is None else relation.called
        inside = inner_name(target, moment) if view.definition is not None else ""
        return msgspec.structs.replace(view, name=called, inside=inside)

    async def _found(self, relation: RelationName, state: State) -> View | None:
        """The relation as it is in `state`, under its plain name."""
        self._note(relation, state)
        if relation.system:
            seen, shown_by = visible(state, self._held), lens(self._held)
            return await self._system.view(
                *(self._loan, relation.name, seen, relation.bounds, self.objects.urls),
                shown_by,
            )
        dataset = state.catalog.datasets.get(relation.name)
        if dataset is None:
            return await self._defined(relation, state)
        self._refuse_lost(dataset, state)
        return self._view(state, dataset)

    def _note(self, relation: RelationName, state: State) -> None:
        """Record which version of a relation is read; what is read as of a moment stays, the present too."""
        name, held = relation.name, state.catalog
        as_of = None if relation.moment is None else state.head.seq
        if relation.system:
            read = Read(f"{SCHEMA}.{name}", state.head.seq, None, as_of)
        elif (dataset := held.datasets.get(name)) is not None:
            read = Read(dataset.name, dataset.seq, dataset.dataset_id, as_of, dataset.erased)
        elif (view := held.views.get(name)) is not None:
            read = Read(view.name, view.seq, None, as_of)
        else:
            return
        self._versions[read.name, as_of or 0] = read

    async def _defined(self, relation: RelationName, state: State) -> View | None:
        """A view that a user has defined."""
        view = state.catalog.views.get(relation.name)
        if view is None:
            return None
        self._inner |= {inner_name(each, relation.moment) for each in view.reads}
        needs_key = view.safe is not None and masks_hash(view.safe)
        key = await self._mask_key.hex() if needs_key else ""
        secure = not self._held.unrestricted
        definition = Definition(view.sql, view.safe, key, secure=secure)
        return View(view.name, (), definition=definition)

    def _listed(self) -> dict[str, View]:
        """All datasets and views: no objects, which would be many, and change more often."""
        seen = _shapes(visible(self._state, self._held))
        if self._profile is None:
            return seen
        named = _shapes(self._state)
        shown = dict(seen) if self._profile.others == "visible" else {}
        for alias in self._profile.names:
            shape = named.get(alias.to.lower())
            shown.pop(alias.alias.lower(), None)
            if shape is not None and self._held.shows(alias.alias, alias.to):
                shown[alias.alias.lower()] = msgspec.structs.replace(shape, name=alias.alias)
        return shown

    def _refuse_lost(self, dataset: Dataset, state: State) -> None:
        """Raises RefusedError for what a past state names and the present has marked or collected."""
        now = self._node.state
        if state is now:
            return  # objects of live datasets are never marked
        for item in dataset.objects:
            if inventory.lost_to(now.inventory, item.blob) is not None:
                raise RefusedError(snapshot.gone(now, item.blob))

    def explained(self, refused: Refused) -> Refused:
        """Why the statement failed, with the cause of a failed read or the name that was meant.

        What a view reads is not shown to a caller who may not read all of it.
        """
        failure = self.objects.failure or refused
        if not self._held.unrestricted and failure.code in _NAMING:
            return msgspec.structs.replace(failure, detail=_NAMING[failure.code], errors=())
        return self._with_near_name(failure) if failure.code == "sql_error" else failure

    def _with_near_name(self, refused: Refused) -> Refused:
        """`refused` with the relation that was meant, where one of a similar name may be read."""
        return near_names.suggested(refused, self._names())

    def _names(self) -> Iterator[str]:
        """The names that this caller may use in a statement; worked out when the first is taken."""
        yield from (view.name for view in self._listed().values())

    def _view(self, state: State, dataset: Dataset) -> View:
        urls = self.objects.urls(state, dataset, dataset.objects)
        return View(dataset.name, urls, dataset.schema)


def _alias(profile: Profile | None, name: str) -> Alias | None:
    """The alias of a profile with this lower-case name."""
    aliases = profile.names if profile is not None else ()
    return next((each for each in aliases if each.alias.lower() == name), None)


def _shapes(state: State) -> dict[str, View]:
    """Every dataset and view with its columns, without objects."""
    named = state.catalog
    datasets = {name: View(each.name, (), each.schema) for name, each in named.datasets.items()}
    return datasets | {
        name: View(each.name, (), each.columns) for name, each in named.views.items()
    }
