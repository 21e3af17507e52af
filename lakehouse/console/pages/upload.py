"""The upload of files: the page with which a script stages them and loads them as one change."""

from lakehouse.console.page import Equivalent, Page
from lakehouse.console.visit import ROOT, Visit, dataset_path
from lakehouse.service.service import Service

UPLOAD = f"{ROOT}/upload"
TYPES = ("string", "int64", "double", "bool", "date", "timestamp", "timestamptz")
"""The types that a column of CSV or NDJSON may be given."""


async def show(_service: Service, visit: Visit) -> Page:
    """GET /console/upload. Reads nothing of the lake: the script uses the routes of the API."""
    return Page(
        template="upload.html",
        title="Upload",
        values={
            "types": TYPES,
            "name": visit.parameter("name"),
            "dataset_root": dataset_path(""),
        },
        equivalent=Equivalent(
            path="/v1/ingest",
            query={"name": visit.parameter("name", "sales"), "stage": "true"},
            method="POST",
            python='with lake.transaction() as change:\n    change.ingest("sales.csv", "sales")',
        ),
        styles=("upload.css",),
        scripts=("upload.js",),
        timeless=True,
    )
