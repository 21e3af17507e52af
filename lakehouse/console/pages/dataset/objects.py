"""The tab Objects: the files that hold a dataset's rows, a part of the list at a time."""

from lakehouse.api.catalog.datasets import ShowDatasetQuery
from lakehouse.console.pages.dataset.tab import Subject, Tab
from lakehouse.console.visit import Visit
from lakehouse.service.service import Service

OBJECTS = 50


async def show(service: Service, visit: Visit, subject: Subject) -> Tab:
    """Raises RefusedError as the catalog's manifest does."""
    skip = visit.number("skip", 0)
    query = ShowDatasetQuery(as_of=visit.as_of, limit=OBJECTS, after=skip)
    found = await service.catalog.manifest(visit.caller, subject.name, query)
    total = subject.glance.objects if subject.glance else 0
    values = {"objects": found.body.objects, "skip": skip, "total": total, "size": OBJECTS}
    return Tab(template="objects.html", values=values, seq=found.seq)
