"""Storage: keys as folders, and one object with its download and its deletion."""

from collections.abc import Mapping
from urllib.parse import quote

from lakehouse.api.console.storage import FolderQuery
from lakehouse.api.storage import GetObjectQuery
from lakehouse.console.forms import Place
from lakehouse.console.page import Equivalent, Page, Redirect
from lakehouse.console.visit import ROOT, Visit
from lakehouse.domain.access.rights import WRITE
from lakehouse.domain.errors import RefusedError
from lakehouse.service.service import Service
from lakehouse.service.storage import takes_changes

STORAGE = f"{ROOT}/storage"
OBJECT, DELETE = f"{STORAGE}/object", f"{STORAGE}/delete"
ROWS = 100
VERSIONS = 200
"""Versions of a key that its page lists."""


async def show(service: Service, visit: Visit) -> Page:
    """GET /console/storage: a folder, by `prefix`."""
    prefix = visit.parameter("prefix")
    query = FolderQuery(prefix=prefix, skip=visit.number("skip", 0), limit=ROWS, as_of=visit.as_of)
    found = await service.storage.folder(visit.caller, query)
    return Page(
        template="storage/folder.html",
        title="Storage",
        values={
            "found": found.body,
            "query": query,
            "above": _above(prefix),
            "storage_path": STORAGE,
            "object_path": OBJECT,
        },
        equivalent=Equivalent(
            path="/v1/storage/list", query={"prefix": prefix, "as_of": visit.as_of}
        ),
        seq=found.seq,
    )


async def show_object(service: Service, visit: Visit) -> Page:
    """GET /console/storage/object: the version of `key`, and all that can be read.

    Raises RefusedError as the use case does; not for a key that was deleted and has versions.
    """
    key = visit.parameter("key")
    known = service.storage.versions(visit.caller, key)
    found, seq = None, known.seq
    try:
        shown = await service.storage.detail(visit.caller, key, GetObjectQuery(visit.as_of))
        found, seq = shown.body, shown.seq
    except RefusedError as error:
        if error.refused.code != "object_not_found" or visit.as_of or not known.body.versions:
            raise
    return Page(
        template="storage/object.html",
        title=key,
        values={
            "key": key,
            "object": found,
            "versions": known.body.versions[:VERSIONS],
            "version_count": len(known.body.versions),
            "object_path": OBJECT,
            "download": f"/v1/storage/get/{quote(key)}",
            "above": _above(key),
            "storage_path": STORAGE,
            "delete_path": DELETE,
            "may_delete": found is not None
            and visit.as_of is None
            and visit.held.may_key(WRITE, key)
            and takes_changes(key),
        },
        equivalent=Equivalent(
            path="/v1/storage/list", query={"prefix": key, "limit": 1, "as_of": visit.as_of}
        ),
        seq=seq,
    )


def place(form: Mapping[str, str]) -> Place:
    """The page of the key that a form is about."""
    return Place(OBJECT, query={"key": form.get("key", "")})


async def delete(service: Service, visit: Visit) -> Redirect:
    """POST /console/storage/delete. Raises RefusedError as the use case does."""
    key = visit.field("key")
    await service.storage.delete(visit.caller, key)
    above = _above(key)
    return Redirect(location=visit.url(STORAGE, prefix=above[-1][1] if above else None))


def _above(key: str) -> list[tuple[str, str]]:
    """The folders above a key or prefix, each with its prefix; a prefix is the last of its own."""
    names = key.split("/")[:-1]
    return [(name, "/".join(names[: number + 1]) + "/") for number, name in enumerate(names)]
