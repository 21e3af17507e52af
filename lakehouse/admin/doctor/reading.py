"""Probes of what readers need: 404 for absent keys, read-after-write, ranges, and the clock."""

from collections.abc import AsyncIterator

from journal.bucket.errors import BucketBroken, ObjectMissing
from lakehouse.admin.doctor.site import Site, expect
from lakehouse.commit.limits import CommitLimits

TRIES = 5
BODY = bytes(range(256)) * 4
RANGES: tuple[tuple[int, int | None], ...] = (
    (0, 10),
    (10, 100),
    (1000, None),
    (1000, 99),
    (2000, 5),
)


async def absent_is_404(site: Site) -> str:
    """A GET of an absent key answers 404: that is how the journal's end is found."""
    key = site.key("absent")
    for detail, asked in (
        ("GET", site.bucket.read),
        ("HEAD", site.bucket.stat),
        ("a range's GET", lambda key: _gathered(site.bucket.stream(key, 0, 5))),
    ):
        try:
            await asked(key)
        except ObjectMissing:
            continue
        raise BucketBroken(f"{detail} of a key never used does not say that it is absent (404)")
    return "a read of an absent key is answered 404"


async def read_after_write(site: Site) -> str:
    """A stored object can be read immediately, unchanged, also if the key was absent a moment ago."""
    for number in range(TRIES):
        body = f"body {number}".encode()
        await _read_missing(site, f"read/{number}")
        key = await site.store(f"read/{number}", body)
        try:
            expect(
                await site.bucket.read(key) == body, "a read returns other bytes than were stored"
            )
            size_bytes = (await site.bucket.stat(key)).size_bytes
        except ObjectMissing as error:
            raise BucketBroken("a read does not find an object that was just stored") from error
        expect(size_bytes == len(body), "another size is reported than was stored")
    return f"{TRIES} objects, each read at once, as stored"


async def ranges(site: Site) -> str:
    """A GET of a range returns exactly these bytes."""
    key = await site.store("range", BODY)
    for start, length in RANGES:
        end = len(BODY) if length is None else start + length
        got = await _gathered(site.bucket.stream(key, start, length))
        expect(got == BODY[start:end], f"bytes {start} to {end}: {len(got)} others came")
    return f"{len(RANGES)} ranges give their bytes alone"


async def clock(site: Site) -> str:
    """The store's clock and ours agree, so that times in the journal are meaningful."""
    skew_s = (site.clock.now() - await site.bucket.now()).total_seconds()
    limit_s = CommitLimits().clock_skew_s
    expect(abs(skew_s) <= limit_s, f"this clock is {skew_s:+.0f} s off the store's")
    return f"this clock and the store's agree within {limit_s:.0f} s"


async def _read_missing(site: Site, name: str) -> None:
    """Read a key before it exists: this reveals a store that caches 404 answers."""
    try:
        await site.bucket.read(site.prefix(name))
    except ObjectMissing:
        return


async def _gathered(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])
