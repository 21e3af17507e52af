"""`lakehouse audit entries` and `verify`: read the batches in the bucket."""

import argparse
import os
from importlib.metadata import version

from lakehouse.api.audit.entries import AuditHead, StoredAuditEntry
from lakehouse.audit import reading
from lakehouse.audit.ocsf import entry_event
from lakehouse.cli.output import printing
from lakehouse.config import Settings
from lakehouse.domain.counts import counted
from lakehouse.wiring import bucket_of

OK = 0
PAGE = 1_000


async def entries(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse audit entries`: one JSON object per line."""
    after, left = arguments.after, arguments.limit
    async with bucket_of(settings, os.environ) as (bucket, _):
        while left != 0:
            page = await reading.entries(bucket, after, min(PAGE, left or PAGE))
            for entry in page.entries:
                printing.document(_shown(entry, arguments.format))
            left = left - len(page.entries) if left is not None else None
            if page.next is None:
                break
            after = page.next
    return OK


async def verify(arguments: argparse.Namespace, settings: Settings) -> int:
    """`lakehouse audit verify`: names each edited, missing or moved batch, and then ends with 4."""
    expected = tuple(AuditHead(*each) for each in arguments.expect)
    async with bucket_of(settings, os.environ) as (bucket, _):
        expired_before = await bucket.now() - reading.retention(settings.audit_retention)
        found = await reading.verify(bucket, expired_before, expected)
    if arguments.json:
        printing.document(found)
        return OK
    batches = counted(found.batches, "batch", "batches")
    entries = counted(found.entries, "entry", "entries")
    printing.line(f"{batches}, {entries}, {found.lost:,} lost")
    for head in found.heads:
        printing.line(f"{head.node}:{head.batch}:{head.sha256}")
    return OK


def _shown(entry: StoredAuditEntry, format_: str) -> object:
    return entry_event(entry, version("lakehouse")) if format_ == "ocsf" else entry


COMMANDS = {"entries": entries, "verify": verify}
