"""The routes under /v1/catalog, as rows of the table in `routes`."""

from lakehouse.api.catalog.change_sets import (
    Renamed,
    RenameRequest,
    TransactionReceipt,
    TransactionRequest,
)
from lakehouse.api.catalog.datasets import (
    DatasetPage,
    Dropped,
    HistoryQuery,
    ListDatasetsHeaders,
    ListDatasetsQuery,
    Manifest,
    ManifestPage,
    RegisterRequest,
    RestoreRequest,
    ShowDatasetHeaders,
    ShowDatasetQuery,
)
from lakehouse.api.catalog.derivation import (
    DeriveDryRun,
    DeriveReceipt,
    DeriveRequest,
    RefreshedAll,
    RefreshRequest,
)
from lakehouse.api.history.journal import (
    EventPage,
)
from lakehouse.api.history.provenance import Lineage, WhyQuery
from lakehouse.api.history.time_travel import (
    CatalogDiff,
    DiffQuery,
    PinReceipt,
    PinRequest,
    Pins,
    UnpinRequest,
)
from lakehouse.api.ingest.answers import StagedIngest
from lakehouse.api.lists.pages import PageQuery
from lakehouse.api.sql import QueryIdHeaders
from lakehouse.api.upkeep.quarantine import QuarantineList, QuarantineQuery
from lakehouse.web.definition_routes import DEFINITION_ROUTES
from lakehouse.web.handlers import ingest
from lakehouse.web.handlers.catalog import change_sets, datasets, derivation
from lakehouse.web.handlers.history import time_travel
from lakehouse.web.route import Route
from lakehouse.web.rows_routes import ROWS_ROUTES

_NAME = "sales"

CATALOG_ROUTES = (
    Route(
        method="POST",
        path="/v1/catalog/register",
        handler=datasets.register,
        judged=True,
        summary="Register a dataset over objects",
        description="Makes a dataset of the versions that the keys name now. The objects are not "
        "opened. The same name and fingerprint replace the objects of an existing dataset.",
        body=RegisterRequest,
        answers=(Manifest,),
        changes=True,
    ),
    Route(
        method="POST",
        path="/v1/catalog/transaction",
        handler=change_sets.transaction,
        judged=True,
        summary="Make several changes at once",
        description="Makes all changes, in order, as one event, or none: no reader ever sees a part. "
        "`expect` is judged first. A refusal names the change by its index in `errors`.",
        body=TransactionRequest,
        answers=(TransactionReceipt,),
        changes=True,
    ),
    Route(
        method="POST",
        path="/v1/catalog/derive",
        handler=derivation.derive,
        judged=True,
        summary="Make a dataset from a statement",
        description="Runs a read-only statement and makes its result a dataset, or adds its rows to "
        "one. The event records the statement and the exact versions that it read. The limits of "
        "POST /v1/sql apply, except that the result may be as large as an ingested file. A client "
        "that goes away cancels it.",
        body=DeriveRequest,
        headers=QueryIdHeaders,
        answers=(DeriveReceipt, DeriveDryRun, StagedIngest),
        changes=True,
        abandonable=True,
    ),
    Route(
        method="POST",
        path="/v1/catalog/refresh",
        handler=derivation.refresh,
        judged=True,
        summary="Refresh a derived dataset",
        description="Runs the statement of a dataset that was derived with `mode=replace` again on "
        "what is there now. No event is made if nothing that it reads has changed, or if it was "
        "derived with `as_of`. 409 `cannot_refresh` for any other dataset. With `all` every such "
        "dataset that the caller may write, each after those that it reads.",
        body=RefreshRequest,
        headers=QueryIdHeaders,
        answers=(DeriveReceipt, RefreshedAll),
        changes=True,
        abandonable=True,
    ),
    Route(
        method="POST",
        path="/v1/catalog/rename",
        handler=change_sets.rename,
        judged=True,
        summary="Rename a dataset",
        description="Gives the dataset another name, or its name another spelling. Its history and "
        "its pins follow. 409 `name_taken` if another dataset has the name.",
        body=RenameRequest,
        answers=(Renamed,),
        changes=True,
    ),
    *ROWS_ROUTES,
    Route(
        method="POST",
        path="/v1/catalog/restore",
        handler=datasets.restore,
        judged=True,
        summary="Restore a dataset",
        description="Makes the dataset what it was at a moment, also if it was dropped since. 410 "
        "`objects_collected` names the event that collected its objects.",
        body=RestoreRequest,
        answers=(Manifest,),
        changes=True,
    ),
    *DEFINITION_ROUTES,
    Route(
        method="GET",
        path="/v1/catalog/manifest/{name}",
        handler=datasets.manifest,
        judged=True,
        summary="Show a dataset",
        description="Returns the dataset's schema and objects, with `limit` a page of them. "
        "Case does not matter in the name.",
        path_example=_NAME,
        query=ShowDatasetQuery,
        headers=ShowDatasetHeaders,
        answers=(ManifestPage,),
    ),
    Route(
        method="DELETE",
        path="/v1/catalog/manifest/{name}",
        handler=datasets.drop,
        judged=True,
        summary="Drop a dataset",
        description="Drops the dataset; its name is free again. It can be restored until its objects "
        "are collected.",
        path_example=_NAME,
        answers=(Dropped,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/catalog/list",
        handler=datasets.list_datasets,
        judged=True,
        summary="List datasets",
        description="Returns a page of datasets in the order of their names, with an `ETag`.",
        query=ListDatasetsQuery,
        headers=ListDatasetsHeaders,
        answers=(DatasetPage,),
    ),
    Route(
        method="GET",
        path="/v1/catalog/history/{name}",
        handler=datasets.history,
        judged=True,
        summary="Show the history of a dataset",
        description="Returns a page of all events about the name, oldest first.",
        path_example=_NAME,
        query=HistoryQuery,
        answers=(EventPage,),
    ),
    Route(
        method="GET",
        path="/v1/catalog/quarantine/{name}",
        handler=ingest.quarantine,
        judged=True,
        summary="List quarantine files, or read their rows",
        description="Returns the quarantine files of a dataset with the options that their sources "
        "were read with. With `raw=true` their rows as a file like the source, to correct and to send "
        "again with `resolves`; 400 `invalid_request` if the sources were read with different options.",
        path_example=_NAME,
        query=QuarantineQuery,
        answers=(QuarantineList, ingest.ANY),
    ),
    Route(
        method="GET",
        path="/v1/catalog/why/{name}",
        handler=derivation.why,
        judged=True,
        summary="Show where the rows of a dataset come from",
        description="Returns the uploads behind all rows, or behind those that fulfil `where`, with the "
        "rows of objects that came from each: through renames, restores and rewritten objects, and "
        "through the statements of derived datasets to all rows of what these read.",
        path_example=_NAME,
        query=WhyQuery,
        answers=(Lineage,),
        abandonable=True,
    ),
    Route(
        method="GET",
        path="/v1/catalog/diff",
        handler=time_travel.diff,
        judged=True,
        summary="Compare two moments",
        description="Returns the datasets that were added, dropped or changed between two moments, "
        "with their rows, objects and columns.",
        query=DiffQuery,
        answers=(CatalogDiff,),
    ),
    Route(
        method="POST",
        path="/v1/catalog/pin",
        handler=time_travel.pin,
        judged=True,
        summary="Pin a dataset",
        description="Protects what the dataset held at a moment from garbage collection.",
        body=PinRequest,
        answers=(PinReceipt,),
        changes=True,
    ),
    Route(
        method="POST",
        path="/v1/catalog/unpin",
        handler=time_travel.unpin,
        judged=True,
        summary="Remove a pin",
        description="Removes a pin; what only it protected can be collected.",
        body=UnpinRequest,
        answers=(PinReceipt,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/catalog/pins",
        handler=time_travel.pins,
        judged=True,
        summary="List pins",
        description="Returns pins, oldest first, with who made them and why.",
        query=PageQuery,
        answers=(Pins,),
    ),
)
