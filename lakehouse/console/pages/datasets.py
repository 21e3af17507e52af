"""The list of datasets: search, sizes, freshness, a page at a time; and the empty lake's first page."""

from lakehouse.api.console.overview import Order, OverviewQuery
from lakehouse.console.page import Equivalent, Page
from lakehouse.console.pages.upload import UPLOAD, may_upload
from lakehouse.console.visit import HOME, Visit
from lakehouse.service.service import Service

ROWS = 50
_ORDERS: dict[str, Order] = {"name": "name", "rows": "rows", "updated": "updated"}


async def show(service: Service, visit: Visit) -> Page:
    """GET /console/datasets."""
    query = OverviewQuery(
        search=visit.parameter("search"),
        order=_ORDERS.get(visit.parameter("order"), "name"),
        skip=visit.number("skip", 0),
        limit=ROWS,
        as_of=visit.as_of,
    )
    found = await service.catalog.overview(visit.caller, query)
    python = "for dataset in lake.datasets():\n    print(dataset.name, dataset.row_count)"
    return Page(
        template="datasets.html",
        title="Datasets",
        values={
            "found": found.body,
            "query": query,
            "home": HOME,
            "upload_path": visit.url(UPLOAD),
            "may_upload": may_upload(visit.held),
        },
        equivalent=Equivalent(
            path="/v1/catalog/list", query={"summary": "true", "as_of": visit.as_of}, python=python
        ),
        seq=found.seq,
    )
