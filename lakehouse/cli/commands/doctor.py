"""`lakehouse doctor`: checks that the bucket's store does what the journal relies on."""

import argparse
import os
import random

from journal.bucket import keys
from journal.bucket.port import Bucket
from journal.bucket.removal import remove
from journal.bucket.s3.settings import S3Settings
from journal.clock import SystemClock, uuid7
from lakehouse.admin.doctor.examination import examine, verdict_on
from lakehouse.admin.doctor.finding import ProbeResult
from lakehouse.admin.doctor.site import Site
from lakehouse.api.administration import Promise
from lakehouse.cli.output import printing
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.no_lake import NoLake
from lakehouse.wiring import bucket_of


async def doctor(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse doctor`: one line per promise; 4 when one is broken, 3 when one cannot be checked."""
    async with bucket_of(settings, os.environ, no_lake=NoLake.CREATE) as (bucket, s3):
        findings = await _examine(bucket, s3, arguments.json)
        refusal = verdict_on(bucket.url, findings)
    return printing.refused(refusal, arguments.json) if refusal else 0


async def _examine(bucket: Bucket, s3: S3Settings | None, as_json: bool) -> list[ProbeResult]:
    clock = SystemClock()
    site = Site(bucket, s3, clock, uuid7(clock.now(), random.SystemRandom()))
    findings = []
    try:
        async for finding in examine(site):
            findings.append(finding)
            _print_finding(finding, as_json)
    finally:
        left = await remove(bucket.url, s3, site.keys)
        if left:
            detail = f"{counted(len(left), 'object')} below {keys.PROBES} could not be removed"
            printing.message(f"lakehouse: {detail}; the first is {left[0]}")
    return findings


def _print_finding(finding: ProbeResult, as_json: bool) -> None:
    if as_json:
        printing.document(
            Promise(finding.promise, finding.verdict.name.lower(), finding.why, finding.code)
        )
    else:
        printing.line(f"{finding.promise}: {finding.verdict.value}: {finding.why}")


COMMANDS = {"doctor": doctor}
