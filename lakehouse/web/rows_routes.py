"""The routes under /v1/catalog that change single rows, as rows of the table in `routes`."""

from lakehouse.api.rows import (
    DeleteReceipt,
    DeleteRequest,
    EraseReport,
    EraseRequest,
    UpdateReceipt,
    UpdateRequest,
)
from lakehouse.web.handlers import erasure, rows
from lakehouse.web.route import Route

ROWS_ROUTES = (
    Route(
        method="POST",
        path="/v1/catalog/delete",
        handler=rows.delete,
        judged=True,
        summary="Delete rows",
        description="Deletes the rows that fulfil a condition. Only objects that hold such a row are "
        "rewritten; the order of all other rows stays. 400 `sql_error` points into the condition. "
        "Without a matching row there is no event.",
        body=DeleteRequest,
        answers=(DeleteReceipt,),
        changes=True,
    ),
    Route(
        method="POST",
        path="/v1/catalog/update",
        handler=rows.update,
        judged=True,
        summary="Update rows",
        description="Gives columns new values in the rows that fulfil a condition; expressions see the "
        "old row, and the schema stays. 422 `value_does_not_fit` names a column whose new value is not "
        "of its type. Otherwise as deleting rows.",
        body=UpdateRequest,
        answers=(UpdateReceipt,),
        changes=True,
    ),
    Route(
        method="POST",
        path="/v1/catalog/erase",
        handler=erasure.erase,
        summary="Erase rows from every version",
        description="Reports the rows of every version of a dataset that fulfil a condition; with "
        "`dry_run: false` it removes them from all of these versions, pins, quarantine and staged "
        "files, and deletes the objects that held them. It cannot be undone.",
        body=EraseRequest,
        answers=(EraseReport,),
        changes=True,
    ),
)
