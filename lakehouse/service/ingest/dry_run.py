"""The dry run of an ingest: everything is read and decided, nothing is written.

Owns the answer. All bad rows are collected, also of a file that the first of them would refuse.
"""

from lakehouse.api.ingest.answers import BadRow, IngestDryRun, ReceivedFile, Refusal
from lakehouse.api.versioned import Versioned
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Command, IngestDataset
from lakehouse.domain.decision import DataStep
from lakehouse.domain.errors import CODES, Json, Refused, RefusedError
from lakehouse.formats.file_formats import FILE_FORMATS
from lakehouse.formats.options import REJECT
from lakehouse.formats.quarantine import QuarantinedRow
from lakehouse.formats.reader import Parsed
from lakehouse.process.spool import Spooled
from lakehouse.service import presentation
from lakehouse.service.changes import Foreseen, foresee
from lakehouse.service.ingest.job import IngestJob
from lakehouse.service.ingest.plan import IngestPlan
from projections import catalog


async def dry_run(
    node: Node, plan: IngestPlan, file: Spooled, job: IngestJob
) -> Versioned[IngestDryRun]:
    """What the ingest would do, as of this node's last event."""

    async def advance(command: Command, step: DataStep) -> Command:
        command = await job(command, step)
        if job.parsed and job.parsed.quarantine and plan.options.on_error == REJECT:
            first = job.parsed.quarantine.examples[0]
            raise RefusedError(_first_refused(first, plan.options.format))
        return command

    foreseen = await foresee(node, plan.command(file), advance)
    report = _report(plan, file, foreseen, job.parsed)
    return Versioned(report, report.seq)


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


def _report(
    plan: IngestPlan, file: Spooled, foreseen: Foreseen, parsed: Parsed | None
) -> IngestDryRun:
    quarantine = parsed.quarantine if parsed else None
    rows_good = parsed.row_count if parsed else None
    rows_bad = quarantine.file.row_count if quarantine else 0
    changes = foreseen.event is not None
    after = catalog.find(foreseen.after.catalog, plan.name)
    return IngestDryRun(
        dry_run=True,
        name=plan.name,
        source=ReceivedFile(file.sha256, file.size_bytes),
        seq=foreseen.before.head.seq,
        outcome=_outcome(plan, foreseen),
        schema=presentation.columns(parsed.columns) if parsed else None,
        schema_fingerprint=parsed.fingerprint if parsed else None,
        rows_ingested=(rows_good or 0) if changes else 0,
        rows_removed=_removed(foreseen) if changes else 0,
        rows_quarantined=rows_bad if changes else 0,
        row_count=after.row_count if after else 0,
        reused=not changes and foreseen.refused is None,
        rows_good=rows_good,
        rows_bad=rows_bad if parsed else None,
        bad_rows=[
            BadRow(each.line, each.column, each.reason)
            for each in (quarantine.examples if quarantine else ())
        ],
        renamed=presentation.renamed(parsed.renamed if parsed else ()),
        rounded=presentation.rounded(parsed.rounded if parsed else ()),
        type_reasons=[*parsed.reasons] if parsed else [],
        refused=_refusal(foreseen.refused) if foreseen.refused else None,
    )


def _removed(foreseen: Foreseen) -> int:
    command = foreseen.command
    rewritten = command.rewritten if isinstance(command, IngestDataset) else None
    return rewritten.rows_removed if rewritten else 0


def _outcome(plan: IngestPlan, foreseen: Foreseen) -> str:
    if foreseen.refused is not None:
        return "refuse"
    if foreseen.event is None:
        return "reuse"
    return plan.mode if catalog.find(foreseen.before.catalog, plan.name) else "create"


def _refusal(refused: Refused) -> Refusal:
    return Refusal(refused.code, CODES[refused.code].status, refused.detail, [*refused.errors])
