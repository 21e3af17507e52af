"""A rehearsal of an ingest (`dry_run`): everything is read and decided, nothing is written.

Bad rows are looked for to the file's end, also where the first would refuse the file: whoever
asks wants to know them all.
"""

import msgspec

from lakehouse.api import receipts
from lakehouse.api.receipts import Receipt
from lakehouse.commit.node import Node
from lakehouse.domain.commands import Context, IngestDataset
from lakehouse.domain.decide import decide
from lakehouse.domain.decision import Unchanged
from lakehouse.domain.errors import CODES, Body, Json, Refused, RefusedError
from lakehouse.formats.csv.reader import Parsed
from lakehouse.formats.options import REJECT
from lakehouse.formats.quarantine import QuarantinedRow
from lakehouse.process.spool import Spooled
from lakehouse.service.caller import Caller
from lakehouse.service.ingest.job import IngestJob, table_of
from lakehouse.service.ingest.plan import IngestPlan
from lakehouse.service.ingest.source_history import looked_back
from projections import catalog
from projections.catalog import Dataset
from projections.fold import State


async def rehearse(
    node: Node, plan: IngestPlan, file: Spooled, caller: Caller, bringing: IngestJob
) -> Receipt:
    """{dry_run, name, outcome, schema, rows_good, rows_bad, bad_rows, refused, …} as of the head."""
    command = await looked_back(node, plan.command(file))
    state = node.state
    live = catalog.find(state.catalog, plan.name)
    body: Body = {
        "dry_run": True,
        "name": plan.name,
        "source": {"sha256": file.sha256, "size_bytes": file.size_bytes},
        "seq": state.head.seq,
    }
    parsed, nobody = None, Context(caller.actor, "")
    # Without its key: a rehearsal is no use of one.
    early = decide(state, command, nobody)
    if isinstance(early, Unchanged | Refused):
        return Receipt(body | _told(plan, live, None, early), state.head.seq)
    try:
        parsed = await bringing.read(await bringing.contract(live), rehearsed=True)
        outcome = _outcome(node, state, plan, command, parsed, nobody)
    except RefusedError as error:
        outcome = error.refused
    return Receipt(body | _told(plan, live, parsed, outcome), state.head.seq)


def _outcome(
    node: Node,
    state: State,
    plan: IngestPlan,
    command: IngestDataset,
    parsed: Parsed,
    nobody: Context,
) -> Refused | None:
    """The refusal that the file would meet, if any."""
    if parsed.quarantine is not None and plan.options.on_error == REJECT:
        return _first_refused(parsed.quarantine.examples[0], plan.options.format)
    live = catalog.find(state.catalog, plan.name)
    whole = msgspec.structs.replace(
        command,
        table=table_of(plan.name, parsed, node, uploaded=True),
        read_under=live.schema_fingerprint if live else None,
        read_at=live.seq if live else None,
    )
    decision = decide(state, whole, nobody)
    return decision if isinstance(decision, Refused) else None


def _first_refused(row: QuarantinedRow, format_: str) -> Refused:
    """The refusal that names `row`, as a file's first bad row is named."""
    row_error: dict[str, Json] = {"line": row.line, "reason": row.reason}
    if row.column is None:
        return Refused(f"malformed_{format_}", f"line {row.line}: {row.reason}", (row_error,))
    where = f"line {row.line}, column {row.column}"
    row_error |= {"column": row.column}
    return Refused("value_does_not_fit", f"{where}: {row.reason}", (row_error,))


def _told(
    plan: IngestPlan,
    live: Dataset | None,
    parsed: Parsed | None,
    outcome: Unchanged | Refused | None,
) -> Body:
    aside = parsed.quarantine if parsed else None
    come_in = parsed.row_count if parsed and outcome is None else 0
    set_aside = aside.file.row_count if aside and outcome is None else 0
    return {
        "rows_ingested": come_in,
        "rows_quarantined": set_aside,
        "row_count": _row_count(plan, live, come_in, outcome),
        "reused": isinstance(outcome, Unchanged),
        "outcome": _word(plan, live, outcome),
        "schema": [{"name": each.name, "type": each.type} for each in parsed.columns]
        if parsed
        else None,
        "schema_fingerprint": parsed.fingerprint if parsed else None,
        "rows_good": parsed.row_count if parsed else None,
        "rows_bad": (aside.file.row_count if aside else 0) if parsed else None,
        "bad_rows": [
            {"line": each.line, "column": each.column, "reason": each.reason}
            for each in (aside.examples if aside else ())
        ],
        "renamed": receipts.renamed(parsed.renamed if parsed else ()),
        "refused": _refused(outcome) if isinstance(outcome, Refused) else None,
    }


def _row_count(
    plan: IngestPlan, live: Dataset | None, come_in: int, outcome: Unchanged | Refused | None
) -> int | None:
    """How many rows the dataset would have; None where it does not know how many it has."""
    if live is None:
        return come_in
    if outcome is None and plan.mode == "replace":
        return come_in
    return None if live.row_count is None else live.row_count + come_in


def _word(plan: IngestPlan, live: Dataset | None, outcome: Unchanged | Refused | None) -> str:
    if isinstance(outcome, Refused):
        return "refuse"
    if isinstance(outcome, Unchanged):
        return "reuse"
    return plan.mode if live else "create"


def _refused(refused: Refused) -> Body:
    return {
        "code": refused.code,
        "status": CODES[refused.code].status,
        "detail": refused.detail,
        "errors": [*refused.errors],
    }
