"""The tab Origin: the uploads behind all rows, or behind those that fulfil a condition."""

from lakehouse.api.history.provenance import Lineage, Upload, WhyQuery
from lakehouse.console.page import Equivalent
from lakehouse.console.pages.dataset.tab import Subject, Tab
from lakehouse.console.visit import Visit
from lakehouse.domain.errors import CODES, Refused, RefusedError
from lakehouse.service.service import Service

UPLOADS = 50


async def show(service: Service, visit: Visit, subject: Subject) -> Tab:
    """A condition that is wrong shows its refusal; raises RefusedError otherwise."""
    where, skip = visit.parameter("where").strip(), visit.number("skip", 0)
    found: Lineage | None = None
    refused: Refused | None = None
    try:
        query = WhyQuery(where or None, visit.as_of)
        found = (await service.provenance.why(visit.caller, subject.name, query)).body
    except RefusedError as error:
        if not where or CODES[error.refused.code].status >= 500:
            raise
        refused = error.refused
    newest = found.uploads[::-1] if found else []
    values = {
        "where": where,
        "refused": refused,
        "uploads": [(each, row_count(each)) for each in newest[skip : skip + UPLOADS]],
        "skip": skip,
        "total": len(newest),
        "size": UPLOADS,
    }
    equivalent = Equivalent(
        path=f"/v1/catalog/why/{subject.name}",
        query={"where": where, "as_of": visit.as_of},
    )
    return Tab(template="origin.html", values=values, equivalent=equivalent)


def row_count(upload: Upload) -> int:
    """How many rows came from an upload."""
    return sum(to - from_ for each in upload.objects for from_, to in each.rows)
