"""The routes under /v1/vectors, as rows of the table in `routes`."""

from lakehouse.api.sql import SqlHeaders, SqlResult
from lakehouse.api.vectors import VectorSearchRequest
from lakehouse.query.render.formats import FORMATS
from lakehouse.web.handlers import sql
from lakehouse.web.route import Route

VECTOR_ROUTES = (
    Route(
        method="POST",
        path="/v1/vectors/search",
        handler=sql.search,
        judged=True,
        summary="Find the nearest rows",
        description="Returns the rows of a dataset or view whose vector is nearest to the given one, "
        "nearest first, with their `distance`: the result of `FROM lake.nearest(…)`. 404 "
        "`dataset_not_found`; 400 `sql_error` where a row's vector has another length.",
        headers=SqlHeaders,
        body=VectorSearchRequest,
        answers=(SqlResult, *(each.media_type for each in FORMATS.values() if each.name != "json")),
        abandonable=True,
    ),
)
