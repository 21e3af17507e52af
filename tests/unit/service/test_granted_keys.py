"""Storage as a caller with some rights sees it: the same as an index of nothing but what it may read."""

import random
from collections.abc import Iterator
from itertools import islice

import msgspec
import pytest

from journal.events import ObjectStored
from lakehouse.domain.access.rights import STORAGE, matches
from lakehouse.service.index import granted_keys
from projections.inventory import EMPTY, Draft, Inventory, apply
from projections.key_index import KeyIndex
from projections.moment import Moment
from projections.overlay import Overlay

NAMES = ("a", "a-b", "ä", "b", "z")
PREFIXES = ("", "a/", "a/a/", "a-b/", "ä/b/", "nothing/", "a")


def of(keys: set[str]) -> Inventory:
    draft = Draft(EMPTY)
    for seq, key in enumerate(sorted(keys, reverse=True), 1):
        change = ObjectStored(key, f"blob {seq}", seq, "0" * 64, None)
        apply(draft, Overlay({}), change, Moment(seq, seq, f"at {seq}"))  # type: ignore[arg-type]
    return draft.finish()


def some_key(chance: random.Random) -> str:
    return "/".join(chance.choices(NAMES, k=chance.randint(1, 4)))


@pytest.mark.parametrize("seed", range(8))
def test_it_is_what_the_caller_may_read(seed: int) -> None:
    chance = random.Random(seed)
    inventory = of({some_key(chance) for _ in range(chance.choice((5, 60)))})
    index = KeyIndex(inventory)
    for _ in range(30):
        begun = [
            some_key(chance)[: chance.randint(0, 5)] + "*" for _ in range(chance.randint(0, 3))
        ]
        patterns = begun + [some_key(chance) for _ in range(chance.randint(0, 2))]
        own = {some_key(chance) for _ in range(chance.randint(0, 3))}
        seen = {
            key: blob
            for key, blob in inventory.keys.items()
            if key in own or any(matches(STORAGE + each, STORAGE + key) for each in patterns)
        }
        reduced = KeyIndex(msgspec.structs.replace(inventory, keys=seen))
        for prefix in PREFIXES:
            for skip, limit in ((0, 1_000), (1, 2)):
                expected = reduced.folder(prefix, skip, limit)
                found = granted_keys.folder(index, patterns, own, (prefix, skip, limit))
                assert found == expected, (prefix, patterns, own)
            for after in ("", "a", "b/a", some_key(chance)):
                listed = granted_keys.keys(index, patterns, own, prefix, after)
                assert [*listed] == [*reduced.keys(prefix, after)], (prefix, after, patterns, own)


def test_what_nobody_granted_is_not_visited(monkeypatch: pytest.MonkeyPatch) -> None:
    index = KeyIndex(of({f"{folder}/{name}" for folder in "abc" for name in range(200)}))
    visited = list[str]()
    entry = KeyIndex._entry

    def counting(self: KeyIndex, prefix: str, name: str) -> object:
        visited.append(prefix + name)
        return entry(self, prefix, name)

    monkeypatch.setattr(KeyIndex, "_entry", counting)
    found, total = granted_keys.folder(index, ["b/*", "c/1"], set(), ("", 0, 100))
    assert ([(each.name, each.objects) for each in found], total) == ([("b/", 200), ("c/", 1)], 2)
    assert len(visited) == 2
    visited.clear()
    assert granted_keys.folder(index, ["b/*"], set(), ("b/", 0, 10))[1] == 200
    assert len(visited) == 10


def test_a_page_of_keys_visits_no_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    index = KeyIndex(of({f"{folder}/{name}" for folder in "abc" for name in range(200)}))
    visited = list[str]()
    keys = KeyIndex.keys

    def counting(self: KeyIndex, prefix: str, after: str = "") -> Iterator[str]:
        for key in keys(self, prefix, after):
            visited.append(key)
            yield key

    monkeypatch.setattr(KeyIndex, "keys", counting)
    found = granted_keys.keys(index, ["b/*", "c/1"], set(), "", "b/5")
    assert [*islice(found, 3)] == ["b/50", "b/51", "b/52"]
    assert visited == ["b/50", "b/51", "b/52"]
