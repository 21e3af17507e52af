"""`lakehouse doctor`: does this bucket keep the promises that the journal needs?"""

import argparse
import os
import random
import sys

from journal.bucket import keys
from journal.bucket.port import Bucket
from journal.bucket.removal import remove
from journal.bucket.s3.settings import S3Settings
from journal.clock import SystemClock, uuid7
from lakehouse.admin.doctor.examination import examine, verdict_on
from lakehouse.admin.doctor.finding import ProbeResult
from lakehouse.admin.doctor.site import Site
from lakehouse.cli import printing
from lakehouse.config import Settings
from lakehouse.wiring import bucket_of


async def doctor(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse doctor`: one line a promise; 4 when one is broken, 3 when one cannot be judged."""
    async with bucket_of(settings, os.environ) as (bucket, s3):
        findings = await _examined(bucket, s3, arguments.json)
        refusal = verdict_on(bucket.url, findings)
    return printing.refused(refusal, arguments.json) if refusal else 0


async def _examined(bucket: Bucket, s3: S3Settings | None, as_json: bool) -> list[ProbeResult]:
    clock = SystemClock()
    site = Site(bucket, s3, clock, uuid7(clock.now(), random.SystemRandom()))
    findings = []
    try:
        async for finding in examine(site):
            findings.append(finding)
            _tell(finding, as_json)
    finally:
        left = await remove(bucket.url, s3, site.keys)
        if left:
            detail = f"{len(left)} objects could not be removed and stay below {keys.PROBES}"
            printing.line(f"lakehouse: {detail}, beginning with {left[0]}", sys.stderr)
    return findings


def _tell(finding: ProbeResult, as_json: bool) -> None:
    if as_json:
        printing.document(
            {
                "promise": finding.promise,
                "verdict": finding.verdict.name.lower(),
                "why": finding.why,
                "code": finding.code,
            }
        )
    else:
        printing.line(f"{finding.promise}: {finding.verdict.value}: {finding.why}")


COMMANDS = {"doctor": doctor}
