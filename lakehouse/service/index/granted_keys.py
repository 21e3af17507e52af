"""Storage as a caller with some rights sees it, found in the index of all keys: a folder, or keys in order.

Costs the entries or keys that grants name, and the keys that are the caller's without a grant on keys; not
what others may read. Must never decide what a grant is: it is given patterns. Pure.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain

from projections.key_index import Entry, KeyIndex


def folder(
    index: KeyIndex,
    patterns: Iterable[str],
    own: Collection[str],
    part: tuple[str, int, int],
) -> tuple[list[Entry], int]:
    """What is directly below a prefix, and how many entries there are; as KeyIndex.folder.

    `patterns`: keys, or beginnings of keys and `*`. `own`: keys that are seen beside them. `part`: the
    prefix, how many entries to skip, and how many to return.
    """
    prefix, skip, limit = part
    if prefix and not prefix.endswith("/"):
        return [], 0
    beginnings = _widest([each[:-1] for each in patterns if each.endswith("*")])
    if any(prefix.startswith(each) for each in beginnings):
        return index.folder(prefix, skip, limit)
    whole, pieces = _ranges(index, beginnings, prefix)
    single = {each for each in patterns if not each.endswith("*")} | set(own)
    for key in single:
        if key.startswith(prefix) and not key.startswith(tuple(beginnings)):
            name = _first_name(key[len(prefix) :])
            pieces.setdefault(name, []).extend(index.entries(*_split(key), exact=True))
    names = sorted([*whole, *(name for name, found in pieces.items() if found)])
    shown = names[skip : skip + limit]
    return [_entry(index, prefix, name, pieces.get(name)) for name in shown], len(names)


def keys(
    index: KeyIndex, patterns: Collection[str], own: Collection[str], prefix: str, after: str
) -> Iterator[str]:
    """The keys with `prefix` that sort after `after`, in order; `patterns` and `own` as in `folder`.

    Costs the keys that are taken, and all of `patterns` and `own`.
    """
    beginnings = _widest([each[:-1] for each in patterns if each.endswith("*")])
    covered = chain.from_iterable(
        index.keys(max(prefix, each), after)
        for each in beginnings
        if prefix.startswith(each) or each.startswith(prefix)
    )
    single = {each for each in patterns if not each.endswith("*")} | set(own)
    others = sorted(
        key
        for key in single
        if key > after
        and key.startswith(prefix)
        and not key.startswith(tuple(beginnings))
        and index.has(key)
    )
    return heapq.merge(covered, others)


def _ranges(
    index: KeyIndex, beginnings: Sequence[str], prefix: str
) -> tuple[list[str], dict[str, list[Entry]]]:
    """The entries of the folder that are covered whole; and of others, by name, what is covered."""
    whole, pieces = list[str](), dict[str, list[Entry]]()
    for beginning in beginnings:
        if not beginning.startswith(prefix):
            continue
        tail = beginning[len(prefix) :]
        if "/" in tail:
            found = index.entries(*_split(beginning), exact=beginning.endswith("/"))
            pieces.setdefault(_first_name(tail), []).extend(found)
        else:
            whole.extend(index.names(prefix, tail))
    return whole, pieces


def _entry(index: KeyIndex, prefix: str, name: str, pieces: list[Entry] | None) -> Entry:
    if pieces is None:
        (found,) = index.entries(prefix, name, exact=True)
        return found
    newest = max((each.newest for each in pieces), key=lambda each: each.seq)
    objects = sum(each.objects for each in pieces)
    return Entry(name, objects, sum(each.size_bytes for each in pieces), newest)


def _widest(beginnings: list[str]) -> list[str]:
    """Those that no other one covers."""
    found = list[str]()
    for each in sorted(beginnings):
        if not found or not each.startswith(found[-1]):
            found.append(each)
    return found


def _first_name(tail: str) -> str:
    """The name of the entry that a key is in: of a folder with its `/`."""
    folder, slash, _ = tail.partition("/")
    return folder + slash


def _split(key: str) -> tuple[str, str]:
    """The folder that a key or folder lies in, and its name there."""
    at = key.rfind("/", 0, -1) + 1
    return key[:at], key[at:]
