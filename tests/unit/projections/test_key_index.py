"""The index of keys says what counting all of them says, after any sequence of changes."""

import random

import pytest

from journal.events import ObjectForgotten, ObjectStored
from projections.inventory import EMPTY, Draft, Inventory, apply, current
from projections.key_index import KeyIndex
from projections.moment import Moment
from projections.overlay import Overlay

NAMES = ("a", "a-b", "ä", "b", "z")
PREFIXES = ("", "a/", "a/a/", "a-b/", "ä/b/", "nothing/", "a", "b")


def stored(
    inventory: Inventory, seq: int, changes: list[ObjectStored | ObjectForgotten]
) -> Inventory:
    draft = Draft(inventory)
    for change in changes:
        apply(draft, Overlay({}), change, Moment(seq, seq, f"at {seq}"))  # type: ignore[arg-type]
    return draft.finish()


def counted(inventory: Inventory, prefix: str) -> dict[str, tuple[int, int, int]]:
    """Each entry of a folder: objects, bytes, newest event."""
    found: dict[str, tuple[int, int, int]] = {}
    for key in sorted(inventory.keys, key=str.encode):
        version = current(inventory, key)
        if version is None or not key.startswith(prefix):
            continue
        folder, slash, _ = key[len(prefix) :].partition("/")
        objects, size_bytes, seq = found.get(folder + slash, (0, 0, 0))
        totals = (objects + 1, size_bytes + version.size_bytes, max(seq, version.seq))
        found[folder + slash] = totals
    return found


def check(index: KeyIndex, inventory: Inventory) -> None:
    for prefix in PREFIXES:
        expected = counted(inventory, prefix)
        if prefix and not prefix.endswith("/"):
            assert index.folder(prefix, 0, 10) == ([], 0)
            continue
        entries, total = index.folder(prefix, 0, 1_000)
        found = {each.name: (each.objects, each.size_bytes, each.newest.seq) for each in entries}
        assert (list(found.items()), total) == (list(expected.items()), len(expected)), prefix
        part, _ = index.folder(prefix, 1, 2)
        assert [each.name for each in part] == [*expected][1:3], prefix
        ordered = sorted((key for key in inventory.keys if key.startswith(prefix)), key=str.encode)
        assert list(index.keys(prefix)) == ordered
        assert list(index.keys(prefix, "a/b")) == [key for key in ordered if key > "a/b"]


@pytest.mark.parametrize("seed", range(6))
def test_it_follows_changes(seed: int) -> None:
    chance = random.Random(seed)
    inventory, seq = EMPTY, 0
    index = KeyIndex(inventory)
    for _ in range(25):
        changes = list[ObjectStored | ObjectForgotten]()
        for _ in range(chance.choice((1, 3, 200))):
            seq += 1
            key = "/".join(chance.choices(NAMES, k=chance.randint(1, 4)))
            known = sorted(inventory.keys)
            if known and chance.random() < 0.6:
                changes.append(ObjectForgotten(chance.choice(known)))
            else:
                changes.append(ObjectStored(key, f"blob {seq}", seq, "0" * 64, None))
        inventory = stored(inventory, seq, changes)
        index.move(inventory, [change.key for change in changes])
        check(index, inventory)
        check(KeyIndex(inventory), inventory)
