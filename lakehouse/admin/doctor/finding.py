"""The result of one probe."""

import enum
from collections.abc import Awaitable, Callable

import msgspec

from journal.bucket.errors import BucketBroken, BucketError, ObjectMissing
from lakehouse.admin.doctor.site import Site
from lakehouse.commit.faults import refusal


class Verdict(enum.Enum):
    HOLDS = "holds"
    BROKEN = "does not hold"
    UNJUDGED = "could not be judged"


class ProbeResult(msgspec.Struct, frozen=True):
    """One property, whether it holds, and the evidence."""

    promise: str
    verdict: Verdict
    why: str
    code: str | None = None
    """The code (of errors.CODES) of the fault that prevented a judgement."""


Probe = Callable[[Site], Awaitable[str]]
"""Returns its evidence when the property holds; raises BucketBroken when it does not."""


async def find(promise: str, probe: Probe, site: Site) -> ProbeResult:
    """Run `probe`. A missing object violates read-after-write alone, which has its own probe;
    here it means that the property cannot be judged."""
    try:
        return ProbeResult(promise, Verdict.HOLDS, await probe(site))
    except BucketBroken as error:
        return ProbeResult(promise, Verdict.BROKEN, str(error))
    except ObjectMissing as error:
        detail = f"what was just stored is not found: {error}"
        return ProbeResult(promise, Verdict.UNJUDGED, detail, "bucket_broken")
    except BucketError as error:
        return ProbeResult(promise, Verdict.UNJUDGED, str(error), refusal(error).code)
