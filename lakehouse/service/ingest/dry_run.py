"""The dry run of an ingest: everything is read and decided, nothing is written.

Owns the answer. All bad rows are collected, also of a file that the first of them would refuse.
"""

from lakehouse.api import receipts
from lakehouse.api.receipts import Receipt
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import CODES, Body, Json, Refused, RefusedError
from lakehouse.formats.file_formats import FILE_FORMATS
from lakehouse.formats.options import REJECT
from lakehouse.formats.quarantine import QuarantinedRow
from lakehouse.formats.reader import Parsed
from lakehouse.process.spool import Spooled
from lakehouse.service.changes import Foreseen, foresee
from lakehouse.service.ingest.job import IngestJob
from lakehouse.service.ingest.plan import IngestPlan
from projections import catalog


async def rehearse(node: Node, plan: IngestPlan, file: Spooled, job: IngestJob) -> Receipt:
    """{dry_run, name, outcome, schema, rows_good, rows_bad, bad_rows, refused, …} as of the head."""

    async def advance(command: Command, step: DataStep) -> Command:
        command = await job(command, step)
        if job.parsed and job.parsed.quarantine and plan.options.on_error == REJECT:
            first = job.parsed.quarantine.examples[0]
            raise RefusedError(_first_refused(first, plan.options.format))
        return command

    foreseen = await foresee(node, plan.command(file), advance)
    seq = foreseen.before.head.seq
    body: Body = {
        "dry_run": True,
        "name": plan.name,
        "source": {"sha256": file.sha256, "size_bytes": file.size_bytes},
        "seq": seq,
    }
    return Receipt(body | _details(plan, foreseen, job.parsed), seq)


def _first_refused(row: QuarantinedRow, format_: str) -> Refused:
    """The refusal of a file whose first bad row this is."""
    row_error: dict[str, Json] = {"line": row.line, "reason": row.reason}
    if row.column is None:
        return Refused(
            FILE_FORMATS[format_].malformed_code, f"line {row.line}: {row.reason}", (row_error,)
        )
    where = f"line {row.line}, column {row.column}"
    row_error |= {"column": row.column}
    return Refused("value_does_not_fit", f"{where}: {row.reason}", (row_error,))


def _details(plan: IngestPlan, foreseen: Foreseen, parsed: Parsed | None) -> Body:
    quarantine = parsed.quarantine if parsed else None
    rows_good = parsed.row_count if parsed else None
    rows_bad = quarantine.file.row_count if quarantine else 0
    changes = foreseen.event is not None
    after = catalog.find(foreseen.after.catalog, plan.name)
    return {
        "rows_ingested": (rows_good or 0) if changes else 0,
        "rows_quarantined": rows_bad if changes else 0,
        "row_count": after.row_count if after else 0,
        "reused": not changes and foreseen.refused is None,
        "outcome": _outcome(plan, foreseen),
        "schema": [{"name": each.name, "type": each.type} for each in parsed.columns]
        if parsed
        else None,
        "schema_fingerprint": parsed.fingerprint if parsed else None,
        "rows_good": rows_good,
        "rows_bad": rows_bad if parsed else None,
        "bad_rows": [
            {"line": each.line, "column": each.column, "reason": each.reason}
            for each in (quarantine.examples if quarantine else ())
        ],
        "renamed": receipts.renamed(parsed.renamed if parsed else ()),
        "refused": _refused(foreseen.refused) if foreseen.refused else None,
    }


def _outcome(plan: IngestPlan, foreseen: Foreseen) -> str:
    if foreseen.refused is not None:
        return "refuse"
    if foreseen.event is None:
        return "reuse"
    return plan.mode if catalog.find(foreseen.before.catalog, plan.name) else "create"


def _refused(refused: Refused) -> Body:
    return {
        "code": refused.code,
        "status": CODES[refused.code].status,
        "detail": refused.detail,
        "errors": [*refused.errors],
    }
