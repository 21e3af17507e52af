"""The routes of the console, made from its table.

They are no part of the API: their answers are pages for people, which the OpenAPI document does not describe
and which may change at any time.
"""

from lakehouse.console.assets import PATH
from lakehouse.console.table import CONSOLE_PAGES
from lakehouse.web.browser import handlers
from lakehouse.web.route import Route

HTML = "text/html"

CONSOLE_ROUTES = (
    Route(
        method="GET",
        path=f"{PATH}{{file}}",
        handler=handlers.asset,
        public=True,
        summary="Read a script or a style",
        description="Never changes: its URL has its hash.",
        answers=("text/javascript",),
    ),
    *(
        Route(
            method=page.method,
            path=page.path,
            handler=handlers.handler_of(page),
            public=page.public,
            judged=not page.admin,
            summary=page.summary,
            description="",
            answers=(HTML,),
        )
        for page in CONSOLE_PAGES
    ),
)
