"""The routes of the Iceberg REST catalog."""

from lakehouse.api.engines.iceberg import IcebergCommit, IcebergQuery
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
        handler=iceberg.change,
        summary="Append through the Iceberg catalog",
        description="`…/tables/{table}`: a commit that appends staged files, if `iceberg_writes` is set. "
        "`…/tables/{table}/metrics`: takes a report, and drops it. Any other path, and any other change, "
        "is 406.",
        path_example="namespaces/lake/tables/sales/metrics",
        body=IcebergCommit,
        answers=(JSON,),
        changes=True,
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
