"""The upload of files: checked first, then loaded as one change.

With a script the page stages each file by the API. Without one it is a form: its files are staged while
they arrive, and a second form loads them. Must never change a dataset before the files are loaded.
"""

import re
import secrets
from collections.abc import Mapping

import msgspec

from lakehouse.api.catalog.change_sets import CommitChange, TransactionRequest
from lakehouse.api.ingest.answers import StagedIngest
from lakehouse.console.forms import Place
from lakehouse.console.page import Equivalent, Page, Redirect
from lakehouse.console.visit import ROOT, SentFile, Visit, dataset_path, event_path
from lakehouse.domain.access.rights import STORAGE, WRITE
from lakehouse.domain.errors import CODES, Refused, RefusedError
from lakehouse.formats.file_formats import format_of_file_name
from lakehouse.formats.option_parsing import parse_options
from lakehouse.service.access.permissions import Permissions
from lakehouse.service.ingest.plan import IngestPlan
from lakehouse.service.service import Service

UPLOAD = f"{ROOT}/upload"
LOAD = f"{UPLOAD}/load"
TYPES = ("string", "int64", "double", "bool", "date", "timestamp", "timestamptz")
"""The types that a column of CSV or NDJSON may be given."""
MAX_FILES = 20
_MODES = ("replace", "append")
_SCHEMA_CHANGES = ("", "widen", "replace")
_OPTIONS = ("types", "null", "delimiter", "encoding", "on_error", "header")
FIELDS = (
    *((rf"\b{option}\b", option) for option in ("mode", "schema_change", *_OPTIONS)),
    ("missing_file|files", "file"),
)
_SUFFIX = re.compile(
    r"(\.(csv|tsv|txt|ndjson|jsonl|json|parquet|pq))?(\.(gz|zst))?$", re.IGNORECASE
)
_MAX_NAME = 128


class Checked(msgspec.Struct, frozen=True):
    """What a file would do, or why it is refused."""

    file: str
    dataset: str
    staged: StagedIngest | None = None
    refused: Refused | None = None


def may_upload(held: Permissions) -> bool:
    """Whether there is a dataset that the caller may write."""
    return held.unrestricted or any(
        WRITE in grant.can and not grant.on.startswith(STORAGE) for grant in held.grants
    )


async def show(_service: Service, visit: Visit) -> Page:
    """GET /console/upload. Reads nothing of the lake: the script uses the routes of the API."""
    return Page(
        template="upload.html",
        title="Upload",
        values={
            "types": TYPES,
            "name": visit.parameter("name"),
            "dataset_root": dataset_path(""),
            "max_files": MAX_FILES,
            "upload_path": UPLOAD,
        },
        equivalent=Equivalent(
            path="/v1/ingest",
            query={"name": visit.parameter("name", "sales"), "stage": "true"},
            method="POST",
            python='with lake.transaction() as change:\n    change.ingest("sales.csv", "sales")',
        ),
        styles=("upload.css",),
        modules=("upload.js", "sql-text.js"),
        timeless=True,
    )


def place(form: Mapping[str, str]) -> Place:
    """The page of the form of files."""
    return Place(UPLOAD, query={"name": form.get("name", "")})


async def check(service: Service, visit: Visit) -> Page:
    """POST /console/upload: stage each file of the form, one after the other, and show what they hold.

    Raises RefusedError: `missing_file`, `invalid_request`, and what receiving a file raises.
    """
    found = list[Checked]()
    if visit.files is not None:
        async for file in visit.files:
            if len(found) == MAX_FILES:
                detail = f"the form has more than {MAX_FILES} files"
                raise RefusedError(Refused("invalid_request", detail))
            found.append(await _checked(service, visit, file))
    if not found:
        raise RefusedError(Refused("missing_file", "no file was chosen"))
    return _checked_page(found, [each.staged.staged for each in found if each.staged is not None])


async def show_load(_service: Service, visit: Visit) -> Page:
    """The form that loads what was staged, when it was refused: what the files hold was shown before."""
    return _checked_page([], visit.form.get("staged", "").split())


def load_place(_form: Mapping[str, str]) -> Place:
    """The page of the form that loads files: it has no path of its own."""
    return Place(UPLOAD)


def _checked_page(found: list[Checked], ready: list[str]) -> Page:
    """What the files hold, and the form that loads those that can be."""
    reasons = {
        each.staged.staged: {one.name: one for one in each.staged.type_reasons}
        for each in found
        if each.staged is not None
    }
    return Page(
        template="upload_checked.html",
        title="Upload",
        values={
            "found": found,
            "codes": CODES,
            "ready": ready,
            "reasons": reasons,
            "load_path": LOAD,
            "upload_path": UPLOAD,
            "max_files": MAX_FILES,
            "idempotency_key": secrets.token_hex(16),
        },
        styles=("upload.css",),
        timeless=True,
    )


async def load(service: Service, visit: Visit) -> Redirect:
    """POST /console/upload/load: commit what was staged. Raises RefusedError as the use case does."""
    staged = visit.field("staged").split()
    request = TransactionRequest(tuple(CommitChange(staged=each) for each in staged))
    payload = msgspec.json.encode(request)
    done = (await service.change_sets.transaction(visit.caller, request, payload)).body
    names = {each.name for each in done.results}
    if len(names) != 1:
        return Redirect(location=visit.url(event_path(done.seq)))
    return Redirect(location=visit.url(dataset_path(*names), done=done.seq))


async def _checked(service: Service, visit: Visit, file: SentFile) -> Checked:
    """A refusal of what the file holds, or of the caller, is shown beside the other files."""
    name = visit.form.get("name", "").strip() or dataset_name(file.name)
    try:
        plan = _plan(visit, file, name)
        service.ingest.check_writable(visit.caller, name)
    except RefusedError as error:
        return Checked(file.name, name, refused=error.refused)
    async with service.ingest.received(visit.caller, file.chunks, lambda: plan) as upload:
        try:
            found = await service.ingest.stage(visit.caller, plan, upload)
        except RefusedError as error:
            if CODES[error.refused.code].status not in (400, 403, 409, 413, 415, 422):
                raise
            return Checked(file.name, name, refused=error.refused)
    return Checked(file.name, name, staged=found.body)


def _plan(visit: Visit, file: SentFile, name: str) -> IngestPlan:
    given = [(option, visit.form[option].strip()) for option in _OPTIONS if option in visit.form]
    pairs = [(option, value) for option, value in given if value]
    format_ = visit.form.get("format") or format_of_file_name(file.name)
    if format_:
        pairs.append(("format", format_))
    options = parse_options(pairs)
    if isinstance(options, Refused):
        raise RefusedError(options)
    mode = _one_of(visit, "mode", _MODES)
    change = _one_of(visit, "schema_change", _SCHEMA_CHANGES)
    return IngestPlan(name, mode, options, schema_change=change or None)


def _one_of(visit: Visit, field: str, values: tuple[str, ...]) -> str:
    """A field of the form; the first of `values` where there is none."""
    value = visit.form.get(field, values[0])
    if value not in values:
        detail = f"{field} must be one of: {', '.join(filter(None, values))}"
        raise RefusedError(Refused("invalid_request", detail))
    return value


def dataset_name(file_name: str) -> str:
    """The name of a dataset that a file's name suggests, as the page's script has it."""
    stem = _SUFFIX.sub("", file_name, count=1)
    name = re.sub(r"[^A-Za-z0-9_]", "_", stem)
    return (f"_{name}" if name[:1].isdigit() else name)[:_MAX_NAME]
