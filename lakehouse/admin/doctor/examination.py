"""The full examination: every probe in turn, each on its own objects, in a live lake or an empty bucket."""

from collections.abc import AsyncIterator, Sequence

from lakehouse.admin.doctor import access, creating, listing, reading
from lakehouse.admin.doctor.finding import Probe, ProbeResult, Verdict, find
from lakehouse.admin.doctor.site import Site
from lakehouse.domain.errors import Refused

PROBES: dict[str, Probe] = {
    "clock": reading.clock,
    "create_if_absent": creating.create_if_absent,
    "one_winner": creating.one_winner,
    "taken_is_412": creating.taken_is_412,
    "absent_is_404": reading.absent_is_404,
    "read_after_write": reading.read_after_write,
    "ranges": reading.ranges,
    "list_after_write": listing.list_after_write,
    "ordered_list": listing.ordered_list,
    "list_from_a_point": listing.list_from_a_point,
    "credentials": access.credentials,
}
"""By the name of the property. The clock is first: the cheapest way to see whether the store answers."""
ON_S3_ALONE = ("credentials",)


async def examine(site: Site) -> AsyncIterator[ProbeResult]:
    """Yield one result for each property. Stops when the bucket does not answer."""
    for promise, probe in PROBES.items():
        if promise in ON_S3_ALONE and site.s3 is None:
            continue
        finding = await find(promise, probe, site)
        yield finding
        if promise == "clock" and finding.verdict is Verdict.UNJUDGED:
            return


def verdict_on(url: str, findings: Sequence[ProbeResult]) -> Refused | None:
    """None for a bucket with every property; else why it cannot be used, or not yet."""
    broken = [each.promise for each in findings if each.verdict is Verdict.BROKEN]
    if broken == ["clock"]:
        return Refused("clock_skew", next(each.why for each in findings if each.promise == "clock"))
    if broken:
        return Refused("store_unfit", f"{url} does not keep: {', '.join(broken)}")
    for each in findings:
        if each.verdict is Verdict.UNJUDGED:
            return Refused(each.code or "bucket_unavailable", f"{each.promise}: {each.why}")
    return None
