"""How many rows came and went, where rows were erased since and objects were collected."""

import itertools
import random
from collections import Counter

import msgspec
import pytest
from builders import blob, given, item, registered, slot

from journal.events import (
    Data,
    DatasetAppended,
    DatasetRewritten,
    Erased,
    Object,
    ObjectsCollected,
    Replacement,
    RowsErased,
)
from lakehouse.domain.row_changes import RowChanges, row_changes
from lakehouse.domain.rules.datasets import dataset_id
from projections import catalog
from projections.erasure.past import seen_from
from projections.fold import State, fold


def appended(name: str, *objects: Object) -> DatasetAppended:
    content = registered(name, *objects)
    return DatasetAppended(**msgspec.structs.asdict(content))


def erased(*pairs: tuple[str, str | None, int]) -> RowsErased:
    replaced = tuple(Erased(blob(was), item(by, 1) if by else None, n) for was, by, n in pairs)
    return RowsErased(("w",), replaced, "0" * 64, 1, sum(n for _, _, n in pairs))


def rewritten(was: str, now: Object, added: int, removed: int) -> DatasetRewritten:
    replaced = (Replacement((blob(was),), (now,), added, removed),)
    return DatasetRewritten(dataset_id("w"), "w", "update", "f1", None, replaced, now.row_count)


def test_rows_that_an_update_saved_from_an_erasure_came_as_a_whole() -> None:
    """All rows of the object before were erased, none of those after it."""
    facts = [
        registered("w", item("p", 5), row_count=5),
        rewritten("p", item("q", 5), 5, 5),
        erased(("p", None, 5)),
    ]
    was, then = (_held_rows(given(*facts), facts[:seq]) for seq in (1, 2))
    assert (was, then) == ({}, {blob("q"): 5})
    assert row_changes(was, then, given(*facts).inventory) == RowChanges(5, 0)


def test_an_erasure_counts_across_an_object_that_was_collected() -> None:
    """Of ten rows two deletes removed three and two; one that both kept was erased."""
    facts = [
        registered("w", item("p", 10), row_count=10),
        rewritten("p", item("q", 7), 0, 3),
        rewritten("q", item("r", 5), 0, 2),
        ObjectsCollected("run", (blob("q"),)),
        RowsErased(
            ("w",),
            (Erased(blob("p"), item("p2", 9), 1), Erased(blob("r"), item("r2", 4), 1)),
            "0" * 64,
            1,
            2,
        ),
    ]
    was, then = (_held_rows(given(*facts), facts[:seq]) for seq in (1, 3))
    assert row_changes(was, then, given(*facts).inventory) == RowChanges(0, 5)


@pytest.mark.parametrize("seed", range(60))
def test_counts_of_a_random_history_fit_whatever_was_erased_and_collected(seed: int) -> None:
    """The model: a blob is a set of rows (person, version). Erasures meet collected objects too."""
    history = _RowHistory(random.Random(seed))
    for _ in range(14):
        history.step()
    now = history.states[-1]
    sides = [_held_in(now, then) for then in history.states]
    live = [side for side in sides if side and all(b in now.inventory.blobs for b in side)]
    for old, new in itertools.product(live, live):
        before, after = (
            Counter(row for each in side for row in history.rows[each]) for side in (old, new)
        )
        found = row_changes(old, new, now.inventory)
        if found is None:
            continue  # an object that both come from was collected, with rows of others
        net = after.total() - before.total()
        assert found.added - found.removed == net, (seed, old, new)
        assert found.added >= (after - before).total(), (seed, old, new)
        assert found.removed >= (before - after).total(), (seed, old, new)


def _held_rows(now: State, facts: list[Data]) -> dict[str, int | None]:
    return _held_in(now, given(*facts))


def _held_in(now: State, then: State) -> dict[str, int | None]:
    dataset = catalog.find(seen_from(now, then).catalog, "w")
    return {each.blob: each.row_count for each in dataset.objects} if dataset else {}


class _RowHistory:
    """Random changes of the rows of one dataset: `rows` of each object that was ever written."""

    def __init__(self, world: random.Random) -> None:
        self.rows: dict[str, frozenset[tuple[int, int]]] = {}
        self._world = world
        self._version = 0
        first = self._fresh(frozenset((person, 0) for person in range(8)))
        self.states = [given(registered("w", first, row_count=8))]

    def step(self) -> None:
        """One more event."""
        steps = [self._rewrite] * 5 + [self._append, self._erase, self._collect, self._collect]
        now = self.states[-1]
        fact = self._world.choice(steps)(now, list(now.catalog.datasets["w"].objects))
        if fact is not None:
            self.states.append(fold(now, slot(now, fact)))

    def _fresh(self, rows: frozenset[tuple[int, int]]) -> Object:
        made = item(f"b{len(self.rows)}", len(rows))
        self.rows[made.blob] = rows
        return made

    def _append(self, now: State, objects: list[Object]) -> Data:
        self._version += 1
        people = self._world.sample(range(8), 3)
        part = self._fresh(frozenset((person, self._version) for person in people))
        return msgspec.structs.replace(appended("w", part), row_count=3)

    def _rewrite(self, now: State, objects: list[Object]) -> Data | None:
        """A delete or an update of one object, or two that become one."""
        self._version += 1
        chosen = self._world.sample(objects, min(len(objects), self._world.choice((1, 1, 2))))
        before = frozenset[tuple[int, int]]().union(*(self.rows[each.blob] for each in chosen))
        hit = frozenset(row for row in before if self._world.random() < 0.4)
        if len(chosen) == 2:
            hit = frozenset()
        new = frozenset((p, self._version * 100 + v) for p, v in hit)
        if self._world.random() < 0.5:
            new = frozenset()
        left = (before - hit) | new
        if not chosen or (not hit and len(chosen) == 1):
            return None
        by = (self._fresh(left),) if left else ()
        blobs = tuple(each.blob for each in chosen)
        count = sum(len(self.rows[each.blob]) for each in objects) - len(hit) + len(new)
        replaced = (Replacement(blobs, by, len(new), len(hit)),)
        return DatasetRewritten(dataset_id("w"), "w", "update", "f1", None, replaced, count)

    def _erase(self, now: State, objects: list[Object]) -> Data | None:
        """The rows of one person, by version too: an update may change what an erasure matches."""
        person, odd = self._world.randrange(8), self._world.choice((None, 0, 1))
        found: list[Erased] = []
        for blob_, rows in list(self.rows.items()):
            gone = {row for row in rows if row[0] == person and odd in (None, row[1] % 2)}
            if gone and blob_ in now.inventory.blobs and blob_ not in now.inventory.marked:
                by = self._fresh(rows - gone) if rows - gone else None
                found.append(Erased(blob_, by, len(gone)))
        return RowsErased(("w",), tuple(found), "0" * 64, 1, len(found)) if found else None

    def _collect(self, now: State, objects: list[Object]) -> Data | None:
        held_now = {each.blob for each in objects}
        free = [each for each in now.inventory.blobs if each not in held_now]
        return ObjectsCollected("run", (self._world.choice(free),)) if free else None
