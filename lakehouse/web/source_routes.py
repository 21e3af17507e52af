"""The routes under /v1/sources, as rows of the table in `routes`."""

from lakehouse.api.lists.pages import PageQuery
from lakehouse.api.sources import (
    PutSourceRequest,
    RunSourceRequest,
    Source,
    SourceDropped,
    SourceList,
    SourceRun,
)
from lakehouse.web.handlers import sources
from lakehouse.web.route import Route

_NAME = "invoices"

SOURCE_ROUTES = (
    Route(
        method="PUT",
        path="/v1/sources/{name}",
        handler=sources.put,
        judged=True,
        summary="Make or replace a source",
        description="Watches a directory or an S3 prefix: each new file comes into the dataset, each "
        "content once. Files are never changed or removed. For admins.",
        path_example=_NAME,
        body=PutSourceRequest,
        answers=(Source,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/sources/{name}",
        handler=sources.show,
        judged=True,
        summary="Show a source",
        description="Returns the source, what came in, and what waits or is set aside. For admins.",
        path_example=_NAME,
        answers=(Source,),
    ),
    Route(
        method="DELETE",
        path="/v1/sources/{name}",
        handler=sources.drop,
        judged=True,
        summary="Drop a source",
        description="Stops watching. Rows and files stay; under the same name no file that came in "
        "comes in again. For admins.",
        path_example=_NAME,
        answers=(SourceDropped,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/sources",
        handler=sources.list_sources,
        judged=True,
        summary="List sources",
        description="Returns sources in the order of their names. For admins.",
        query=PageQuery,
        answers=(SourceList,),
    ),
    Route(
        method="POST",
        path="/v1/sources/{name}/run",
        handler=sources.run,
        judged=True,
        summary="Look at a source now",
        description="Lists the source, brings in what is due, and returns what came in, waits and is "
        "set aside. A file of a directory is due once two looks have found it the same. For admins.",
        path_example=_NAME,
        body=RunSourceRequest,
        body_optional=True,
        answers=(SourceRun,),
        changes=True,
    ),
)
