"""The routes of views and profiles, as rows of the table in `routes`."""

from lakehouse.api.catalog.definitions import (
    Profile,
    ProfileDropped,
    ProfileList,
    PutProfileRequest,
    PutViewRequest,
    View,
    ViewDropped,
    ViewList,
    ViewQuery,
)
from lakehouse.api.lists.pages import PageAsOfQuery, PageQuery
from lakehouse.web.handlers.catalog import profiles, views
from lakehouse.web.route import Route

DEFINITION_ROUTES = (
    Route(
        method="PUT",
        path="/v1/catalog/view/{name}",
        handler=views.put,
        judged=True,
        summary="Make or replace a view",
        description="Makes a view of one read-only statement (`sql`), or a safe view that shows a "
        "relation masked (`of`). It is bound now (400 `sql_error`) and again when it is read (400 "
        "`view_broken`). Views share the names of datasets (409 `name_taken`) and have no cycles "
        "(409 `view_cycle`).",
        path_example="adults",
        body=PutViewRequest,
        answers=(View,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/catalog/view/{name}",
        handler=views.show,
        judged=True,
        summary="Show a view",
        description="Returns the view's definition. Case does not matter in the name.",
        path_example="adults",
        query=ViewQuery,
        answers=(View,),
    ),
    Route(
        method="DELETE",
        path="/v1/catalog/view/{name}",
        handler=views.drop,
        judged=True,
        summary="Drop a view",
        description="Drops the view; its name is free again.",
        path_example="adults",
        answers=(ViewDropped,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/catalog/views",
        handler=views.list_views,
        judged=True,
        summary="List views",
        description="Returns views in the order of their names.",
        query=PageAsOfQuery,
        answers=(ViewList,),
    ),
    Route(
        method="PUT",
        path="/v1/catalog/profile/{name}",
        handler=profiles.put,
        judged=True,
        summary="Make or replace a profile",
        description="A profile says what names stand for: another dataset or view, perhaps as of a "
        "moment. `profile`, or the header `X-Profile`, puts a query under it.",
        path_example="books",
        body=PutProfileRequest,
        answers=(Profile,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/catalog/profile/{name}",
        handler=profiles.show,
        judged=True,
        summary="Show a profile",
        description="Returns the profile as it is now.",
        path_example="books",
        answers=(Profile,),
    ),
    Route(
        method="DELETE",
        path="/v1/catalog/profile/{name}",
        handler=profiles.drop,
        judged=True,
        summary="Drop a profile",
        description="Drops the profile; queries under it are 404 `profile_not_found`.",
        path_example="books",
        answers=(ProfileDropped,),
        changes=True,
    ),
    Route(
        method="GET",
        path="/v1/catalog/profiles",
        handler=profiles.list_profiles,
        judged=True,
        summary="List profiles",
        description="Returns profiles in the order of their names.",
        query=PageQuery,
        answers=(ProfileList,),
    ),
)
