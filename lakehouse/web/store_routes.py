"""The routes of stores, as rows of the table in `routes`."""

from lakehouse.api.lists.pages import PageQuery
from lakehouse.api.stores import (
    CopyReport,
    CopyRequest,
    PutStoreRequest,
    Store,
    StoreDropped,
    StoreExamination,
    StoreList,
)
from lakehouse.web.handlers import stores
from lakehouse.web.route import Route

STORE_ROUTES = (
    Route(
        method="PUT",
        path="/v1/stores/{id}",
        handler=stores.put,
        summary="Make a store",
        description="Makes a place beside the bucket a store of this lake: `s3://name[/prefix]` or a "
        "directory. It is examined first ( `store_unfit`). A place has one id (409 `store_taken`). "
        "The URL can only be changed while the store is empty (409 `store_in_use`).",
        path_example="cold",
        body=PutStoreRequest,
        answers=(Store,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/stores/{id}",
        handler=stores.show,
        summary="Show a store",
        description="Returns the store, and how much it holds.",
        path_example="cold",
        answers=(Store,),
    ),
    Route(
        method="DELETE",
        path="/v1/stores/{id}",
        handler=stores.drop,
        summary="Drop a store",
        description="Drops a store that holds no copy (409 `store_in_use`). Its place keeps its mark: "
        "only a store of the same id can have it again.",
        path_example="cold",
        answers=(StoreDropped,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/stores",
        handler=stores.list_stores,
        summary="List stores",
        description="Returns all stores in the order of their ids; `main` has the journal.",
        query=PageQuery,
        answers=(StoreList,),
    ),
    Route(
        method="POST",
        path="/v1/stores/doctor/{id}",
        handler=stores.doctor,
        summary="Examine a store",
        description="Checks that the store has the properties that the lake relies on, as "
        "`lakehouse doctor` does for the bucket.",
        path_example="cold",
        answers=(StoreExamination,),
    ),
    Route(
        method="POST",
        path="/v1/stores/copy",
        handler=stores.copy,
        summary="Copy objects to a store",
        description="Copies the objects that `to` lacks; each is compared with its SHA-256 in its new "
        "place. Reads use the nearest copy that answers. An event is made for each 1,000 objects or "
        "GiB; a second call copies only what is missing.",
        body=CopyRequest,
        answers=(CopyReport,),
        changes=True,
        abandonable=True,
    ),
    Route(
        method="POST",
        path="/v1/stores/move",
        handler=stores.move,
        summary="Move objects to a store",
        description="As copy; then the copies in `from` are not read any more, and gc deletes them. "
        "The past stays readable: an object is read where it lies now.",
        body=CopyRequest,
        answers=(CopyReport,),
        changes=True,
        abandonable=True,
    ),
)
