"""Probes of LIST, which finds checkpoints, packs and blobs."""

from journal.bucket.errors import BucketUnavailable
from lakehouse.admin.doctor.site import Site, expect

TRIES = 5
IN_ORDER = ("B", "Z", "a!", "a-b", "a/b", "a0", "aB", "ab", "b", "é", "\uff5e", "\U0001f600")
"""In UTF-8 byte order, and in no other: not by alphabet, not without regard to case, not by parts
of a path, not by UTF-16 units (the last two)."""


async def list_after_write(site: Site) -> str:
    """A stored object is listed immediately, once, with its size."""
    stored = set()
    for number in range(TRIES):
        stored.add((await site.store(f"list/{number}", b"x" * number), number))
        listed = await site.bucket.list_objects(site.prefix("list/"))
        expect(len(listed) <= len(stored), "LIST returns objects that were never stored")
        expect({(each.key, each.size_bytes) for each in listed} == stored, _stale(number))
    return f"{TRIES} objects, each listed at once"


async def ordered_list(site: Site) -> str:
    """LIST is in byte order: the newest checkpoint sorts first."""
    stored = [await site.store(f"order/{name}", b"") for name in reversed(IN_ORDER)]
    listed = await _listed(site, "order/")
    expect(listed == sorted(listed), "LIST is not in the byte order of the keys")
    _expect_all(len(listed), len(stored))
    return f"{len(stored)} keys are listed in byte order"


async def list_from_a_point(site: Site) -> str:
    """`after`, prefix and limit exclude exactly the keys that they should."""
    for name in ("page-", "page/1", "page/2", "page/3", "page/30", "page0"):
        await site.store(name, b"")
    mine = [site.prefix(f"page/{number}") for number in ("1", "2", "3", "30")]
    _expect_all(len(await _listed(site, "page")), len(mine) + 2)
    for detail, listed, wanted in (
        ("prefix", await _listed(site, "page/"), mine),
        ("prefix of a part", await _listed(site, "page/3"), mine[2:]),
        ("prefix of nothing", await _listed(site, "page/4"), []),
        ("after", await _listed(site, "page/", mine[1]), mine[2:]),
        ("after what is no key", await _listed(site, "page/", site.prefix("page/2z")), mine[2:]),
        ("after the last", await _listed(site, "page/", mine[-1]), []),
        ("limit", await _listed(site, "page/", limit=2), mine[:2]),
    ):
        expect(
            sorted(listed) == wanted, f"LIST with {detail}: {len(listed)} keys for {len(wanted)}"
        )
    return "prefix, after and limit are honoured"


async def _listed(site: Site, name: str, after: str = "", limit: int = 1000) -> list[str]:
    found = await site.bucket.list_objects(site.prefix(name), after, limit)
    return [each.key for each in found]


def _expect_all(listed: int, stored: int) -> None:
    """Raise BucketUnavailable for a key that is listed late: the probe of list-after-write reports that."""
    if listed < stored:
        raise BucketUnavailable(f"{listed} of {stored} keys are listed so far")


def _stale(number: int) -> str:
    return f"LIST does not show the {number + 1} objects that were just stored"
