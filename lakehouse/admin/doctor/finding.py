"""What one probe found, and how a probe's outcome is read."""

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
    """One promise, whether it holds, and why we say so."""

    promise: str
    verdict: Verdict
    why: str
    code: str | None = None
    """Of what kept a probe from judging: a code of errors.CODES."""


Probe = Callable[[Site], Awaitable[str]]
"""Answers what it saw when the promise holds; raises BucketBroken when it does not."""


async def find(promise: str, probe: Probe, site: Site) -> ProbeResult:
    """What `probe` found. An object that is missing is the fault of read-after-write alone, and
    its own probe says so; here it means that nothing can be said."""
    try:
        return ProbeResult(promise, Verdict.HOLDS, await probe(site))
    except BucketBroken as error:
        return ProbeResult(promise, Verdict.BROKEN, str(error))
    except ObjectMissing as error:
        detail = f"what was just stored is not found: {error}"
        return ProbeResult(promise, Verdict.UNJUDGED, detail, "bucket_broken")
    except BucketError as error:
        return ProbeResult(promise, Verdict.UNJUDGED, str(error), refusal(error).code)
