"""The keys of a local bucket in UTF-8 byte order. Reads only the directories that can contain them.

Blocking; runs in the bucket's pool. Symlinks, devices and names that are not UTF-8 are skipped:
they are not objects. Symlinks are never followed.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import UTC, datetime
from heapq import heapify, heappop
from itertools import islice

from journal.bucket.errors import ObjectMissing
from journal.bucket.local.tree import TEMPORARY, Tree, path_fault, translated
from journal.bucket.port import Stat


def list_objects(tree: Tree, prefix: str, after: str, limit: int) -> list[Stat]:
    """Up to `limit` objects below `prefix` and after `after`, in order."""
    directory = prefix.rpartition("/")[0]
    if directory and path_fault(directory):
        return []
    found: list[Stat] = []
    with closing(_keys(tree, directory, prefix, after)) as keys:
        while page := list(islice(keys, limit - len(found))):
            found += _existing(tree, page)
    return found


def stat_object(tree: Tree, key: str) -> Stat:
    """Size and time of one object. Raises ObjectMissing."""
    with translated(key), tree.opened(key) as descriptor:
        found = os.fstat(descriptor)
    return Stat(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _existing(tree: Tree, keys: list[str]) -> Iterator[Stat]:
    for key in keys:
        try:
            yield stat_object(tree, key)
        except ObjectMissing:
            continue  # collected between the walk and now


def _keys(tree: Tree, directory: str, prefix: str, after: str) -> Generator[str]:
    for name in _entries(tree, directory, _first_part(directory, after)):
        path = f"{directory}/{name}" if directory else name
        if not path.endswith("/"):
            if path.startswith(prefix) and path > after:
                yield path
        elif _may_hold(path, prefix, after):
            yield from _keys(tree, path[:-1], prefix, after)


def _may_hold(path: str, prefix: str, after: str) -> bool:
    """Whether some key below the directory `path/` can start with `prefix` and pass `after`."""
    on_the_way = path.startswith(prefix) or prefix.startswith(path)
    return on_the_way and (path > after or after.startswith(path))


def _first_part(directory: str, after: str) -> str:
    """The first name in the directory that is wanted, or '' for all names."""
    inside = after.startswith(f"{directory}/") if directory else True
    return after[len(directory) + 1 if directory else 0 :].partition("/")[0] if inside else ""


def _entries(tree: Tree, directory: str, first: str) -> Iterator[str]:
    """The names in a directory, in order as parts of keys: a directory's with its slash.

    A large directory is read for each page, so that little is done for the names before `first`,
    and those far behind are not sorted.
    """
    try:
        with (
            translated(directory),
            tree.directory(directory) as descriptor,
            os.scandir(descriptor) as entries,
        ):
            wanted = (entry for entry in entries if f"{entry.name}/" >= first)
            names = [name for name in map(_key_part, wanted) if name and _is_utf8(name)]
    except ObjectMissing:
        return
    if not directory:
        names = [name for name in names if name != f"{TEMPORARY}/"]
    heapify(names)  # code points sort as their UTF-8 bytes do
    while names:
        yield heappop(names)


def _key_part(entry: "os.DirEntry[str]") -> str | None:
    if entry.is_dir(follow_symlinks=False):
        return f"{entry.name}/"
    return entry.name if entry.is_file(follow_symlinks=False) else None


def _is_utf8(name: str) -> bool:
    return name.isascii() or not any("\udc80" <= character <= "\udcff" for character in name)
