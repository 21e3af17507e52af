"""The tab Quarantine: the rows of files that are not in the dataset, and the form that corrects them.

The form's text is a file like the source: its rows are appended and leave the quarantine, in one event.
"""

from collections.abc import AsyncIterator
from itertools import islice
from typing import Any

from lakehouse.api.ingest.answers import QuarantineRow
from lakehouse.console.page import Equivalent, Redirect
from lakehouse.console.pages.dataset.tab import Subject, Tab
from lakehouse.console.visit import ROOT, Visit
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.service.ingest.held import Held, options_of
from lakehouse.service.ingest.plan import IngestPlan
from lakehouse.service.service import Service

MEND = f"{ROOT}/dataset/{{name}}"
"""The path of the page as its table has it."""
FIELDS = (
    (
        "^(malformed|schema_conflict|empty|outside|value|duplicate|null_key|too_few|unsupported|too_large)",
        "content",
    ),
)
SHOWN = 100
"""Rows in the list."""
MENDED_BYTES = 256 * 1024
"""What is corrected in the browser at most; more is corrected in a file."""


async def show(service: Service, visit: Visit, subject: Subject) -> Tab:
    """The quarantine is always that of now. A form that was refused has the text that was sent."""
    tried = {"file": visit.form["content"]} if visit.failed and "content" in visit.form else {}
    return await shown(service, visit, subject, tried)


async def shown(service: Service, visit: Visit, subject: Subject, tried: dict[str, Any]) -> Tab:
    """The tab; `tried` has the text that was sent, and what came of it."""
    _, held = await service.quarantine.held(visit.caller, subject.name)
    rows = await _rows(service, visit, held)
    file, why_not = None, None
    if held and visit.may_write(subject.name):
        file, why_not = await _file(service, visit, subject.name)
    values = {
        "rows": rows,
        "total": sum(each.row_count for each in held),
        "keys": [each.key for each in held],
        "file": file,
        "why_not": why_not,
        "report": None,
        "mend_path": MEND,
    }
    sql = f"SELECT * FROM lake.quarantine WHERE dataset = '{subject.name}'"
    equivalent = Equivalent(
        path="/v1/sql", query={"q": sql}, python=f"print(lake.sql({sql!r}).pandas())"
    )
    return Tab(template="quarantine.html", values=values | tried, equivalent=equivalent)


async def correct(service: Service, visit: Visit, subject: Subject) -> Tab | Redirect:
    """Check the corrected rows, or append them. Raises RefusedError as the use cases do."""
    text, keys = visit.field("content").replace("\r\n", "\n"), visit.field("keys").split("\n")
    name, held = await service.quarantine.held(visit.caller, subject.name)
    chosen = [each for each in held if each.key in keys]
    options = options_of(chosen)
    plan = IngestPlan(name, "append", options, resolves=tuple(sorted(each.key for each in chosen)))
    content = text.encode(options.encoding, "replace")
    async with service.ingest.received(visit.caller, _pieces(content)) as upload:
        if "check" in visit.form:
            found = await service.ingest.dry_run(visit.caller, plan, upload)
            return await shown(service, visit, subject, {"file": text, "report": found.body})
        await service.ingest.ingest(visit.caller, plan, upload)
    return Redirect(location=visit.url(subject.path, tab="history"))


async def _rows(service: Service, visit: Visit, held: list[Held]) -> list[QuarantineRow]:
    rows: list[QuarantineRow] = []
    for each in held:
        if len(rows) == SHOWN:
            break
        async with service.quarantine.rows(visit.caller, each) as found:
            for aside in islice(found, SHOWN - len(rows)):
                text = aside.raw.decode(each.options.encoding, "backslashreplace")
                rows.append(
                    QuarantineRow(each.key, each.seq, aside.line, aside.column, aside.reason, text)
                )
    return rows


async def _file(service: Service, visit: Visit, name: str) -> tuple[str | None, Refused | None]:
    """The rows as a file like their source; None and the reason where they cannot be corrected here."""
    _, held = await service.quarantine.held(visit.caller, name)
    try:
        options = options_of(held)
    except RefusedError as error:
        return None, error.refused
    content = bytearray()
    async for piece in service.quarantine.as_file(visit.caller, name, held, options):
        content += piece
        if len(content) > MENDED_BYTES:
            detail = f"the rows have more than {MENDED_BYTES:,} bytes; correct them in a file"
            return None, Refused("too_large", detail)
    return content.decode(options.encoding, "replace"), None


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content
