"""The tab Columns: the schema at once, and on request the profile of each column.

The profile reads rows, so a browser with a script asks for it when the page is there.
"""

from lakehouse.console.page import Equivalent
from lakehouse.console.pages.dataset import profile
from lakehouse.console.pages.dataset.tab import Subject, Tab
from lakehouse.console.queries import quoted, rows_of
from lakehouse.console.visit import Visit
from lakehouse.domain.errors import RefusedError
from lakehouse.service.service import Service

COLUMNS = 25
"""On one part of the list: each is profiled by itself."""


async def show(service: Service, visit: Visit, subject: Subject) -> Tab:
    """Raises RefusedError as queries do; a profile that fails shows its refusal in its place."""
    empty = await rows_of(
        service, visit, f"SELECT * FROM {quoted(subject.name)} LIMIT 0", visit.as_of
    )
    skip = visit.number("skip", 0)
    part = empty.columns[skip : skip + COLUMNS]
    profiles: list[profile.Profile] | None = None
    refused = None
    if visit.parameter("profile"):
        try:
            profiles = await profile.profiles(service, visit, subject.name, part)
        except RefusedError as error:
            refused = error.refused
    values = {
        "part": part,
        "profiles": profiles,
        "refused": refused,
        "stored": subject.types,
        "skip": skip,
        "total": len(empty.columns),
        "size": COLUMNS,
    }
    sql = f"SUMMARIZE {quoted(subject.name)}"
    equivalent = Equivalent(
        path="/v1/sql",
        query={"q": sql, "as_of": visit.as_of},
        python=f"print(lake.sql({sql!r}{_as_of(visit)}).pandas())",
    )
    return Tab(template="columns.html", values=values, equivalent=equivalent, seq=empty.seq)


def _as_of(visit: Visit) -> str:
    return f", as_of={visit.as_of!r}" if visit.as_of else ""
