"""The routes of the Iceberg REST catalog."""

from lakehouse.api.engines.iceberg import IcebergQuery
from lakehouse.web.handlers import iceberg
from lakehouse.web.route import Route

JSON = "application/json"
PATH = "/iceberg/v1/{path}"

ICEBERG_ROUTES = (
    Route(
        method="GET",
        path=PATH,
        handler=iceberg.read,
        summary="Read the Iceberg catalog",
        description="`config`, `namespaces`, `namespaces/{namespace}`, `…/tables` and `…/tables/{table}` "
        "of the Iceberg REST catalog, with the prefix that `config` names. Errors have Iceberg's form.",
        path_example="config",
        query=IcebergQuery,
        judged=True,
        answers=(JSON,),
    ),
    Route(
        method="POST",
        path=PATH,
        handler=iceberg.report,
        summary="Report to the Iceberg catalog",
        description="Takes `…/tables/{table}/metrics`, and drops it. The catalog is read-only: any "
        "other path is 406.",
        path_example="namespaces/lake/tables/sales/metrics",
        judged=True,
    ),
    Route(
        method="DELETE",
        path=PATH,
        handler=iceberg.refuse,
        summary="Refuse to drop a table",
        description="The catalog is read-only: 406.",
        path_example="namespaces/lake/tables/sales",
        judged=True,
    ),
)
