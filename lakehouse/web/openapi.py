"""The OpenAPI document (3.1), made from the route table, the shapes and the table of codes."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, get_args

import msgspec

from lakehouse.domain.errors import CODES
from lakehouse.web.http.problems import JSON, PROBLEM
from lakehouse.web.route import Route
from lakehouse.web.shapes import Problem

Document = dict[str, Any]

_TEXT: Document = {"type": "string"}
_FLAG: Document = {"type": "boolean", "default": False}
_AS_OF: Document = {
    "description": "an event's number, or an RFC 3339 time",
    "schema": {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]},
}


def _choice(*words: str) -> Document:
    return {"schema": {"type": "string", "enum": [*words]}}


PARAMETERS: Mapping[str, Document] = {
    "as_of": _AS_OF,
    "from": _AS_OF | {"required": True},
    "to": _AS_OF,
    "prefix": {"schema": _TEXT, "description": "only keys that begin so"},
    "after": {"schema": _TEXT, "description": "the `next` of the page before"},
    "limit": {"schema": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1_000}},
    "summary": {"schema": _FLAG, "description": "leave out schema and objects"},
    "type": {"schema": _TEXT, "description": "only events of this type"},
    "dataset": {"schema": _TEXT, "description": "only events about this dataset"},
    "name": {"schema": _TEXT, "description": "the dataset", "required": True},
    "mode": _choice("replace", "append"),
    "schema_change": _choice("replace", "widen"),
    "dedupe": _choice("source"),
    "retries": {
        "schema": {"type": "array", "items": _TEXT},
        "description": "keys of the quarantine whose rows come again",
    },
    "dry_run": {"schema": _FLAG, "description": "say what would become of the file, do nothing"},
    "types": {"schema": _TEXT, "description": "`zip:string,rate:double`"},
    "null": {"schema": {"type": "array", "items": _TEXT}, "description": "further null tokens"},
    "delimiter": {"schema": {"type": "string", "default": ","}},
    "encoding": {"schema": {"type": "string", "default": "utf-8"}},
    "header": {"schema": {"type": "boolean", "default": True}},
    "format": _choice("csv", "ndjson", "parquet"),
    "on_error": _choice("reject", "quarantine"),
}
"""Every query parameter that a route may name."""

_ASKING = {
    "Idempotency-Key": "1 to 128 visible ASCII characters: sent again, the change is done once",
    "X-Actor": "who asks, up to 1 KiB",
    "X-Change-Reason": "why, up to 1 KiB; kept with the event",
}
_READING = {"X-Min-Seq": "answer from a state at or after this event"}
HEADERS: Mapping[str, str] = {
    "If-None-Match": "on a read, what is there already: 304; on a PUT, `*`: only where nothing is",
    "Range": "one range of bytes: 206",
    "If-Range": "the ETag that the range is of; of another version, the whole is answered",
    "Accept": "media types, best first; the body's `format` goes before",
    "Query-Id": "the query's name, `[A-Za-z0-9._-]{1,128}`",
    "Last-Event-ID": "go on after this event",
}
"""Every header that a route may name beside those of all."""
_ANSWERED = {
    "X-Request-Id": "the request's own, or a new one",
    "X-Journal-Seq": "the event at which the answer is, or became, true",
}


def document(routes: Iterable[Route]) -> Document:
    """The document of these routes, as JSON's own types."""
    routes = tuple(routes)
    shapes = {shape for route in routes for shape in _shapes(route)} | {Problem}
    ordered = sorted(shapes, key=lambda shape: shape.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
    paths: dict[str, Document] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "lakehouse",
            "version": version("lakehouse"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "http://127.0.0.1:3110"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {"Problem": _problem()},
            "headers": {name: _header(detail) for name, detail in _ANSWERED.items()},
        },
    }


_REFERENCE = "#/components/schemas/{name}"


def _operation(route: Route) -> Document:
    found: Document = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}",
        "summary": route.summary,
        "parameters": [*_path(route), *_query(route), *_headers(route)],
        "responses": _answers(route) | {"default": {"$ref": "#/components/responses/Problem"}},
    }
    return found | ({"requestBody": _body(route)} if route.body else {})


def _path(route: Route) -> list[Document]:
    name = route.path.partition("{")[2].removesuffix("}")
    return [{"name": name, "in": "path", "required": True, "schema": _TEXT}] if name else []


def _query(route: Route) -> list[Document]:
    return [{"name": name, "in": "query"} | PARAMETERS[name] for name in route.query]


def _headers(route: Route) -> list[Document]:
    own = {name: HEADERS[name] for name in route.headers}
    detail = own | (_ASKING if route.changes else _READING)
    return [
        {"name": name, "in": "header", "description": text, "schema": _TEXT}
        for name, text in detail.items()
    ]


def _body(route: Route) -> Document:
    if isinstance(route.body, type):
        content: Document = {JSON: {"schema": _reference(route.body)}}
    else:
        content = {name: _raw(name) for name in route.body or ()}
    return {"required": not route.bodiless, "content": content}


def _answers(route: Route) -> Document:
    """The answers that are no refusals, by status."""
    whole = _answer(route)
    found = {"200" if route.answers else "204": whole}
    if "Range" in route.headers:
        found["206"] = whole
    if "If-None-Match" in route.headers and not route.changes:
        found["304"] = {name: part for name, part in whole.items() if name != "content"}
    return found


def _answer(route: Route) -> Document:
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _ANSWERED}
    shapes = [_reference(each) for each in route.answers if not isinstance(each, str)]
    content: Document = {each: _raw(each) for each in route.answers if isinstance(each, str)}
    if shapes:
        content = {JSON: {"schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}}} | content
    found: Document = {"description": route.summary, "headers": headers}
    return found | ({"content": content} if content else {})


def _raw(media_type: str) -> Document:
    """Bytes as they are; a form has its file in the field `file`."""
    if media_type != "multipart/form-data":
        return {}
    properties = {"file": {"type": "string", "contentMediaType": "application/octet-stream"}}
    return {"schema": {"type": "object", "properties": properties, "required": ["file"]}}


def _reference(shape: type[Any]) -> Document:
    return {"$ref": _REFERENCE.format(name=shape.__name__)}


def _shapes(route: Route) -> list[type[Any]]:
    named = [route.body, *route.answers]
    return [each for each in named if isinstance(each, type) and not get_args(each)]


def _problem() -> Document:
    """Every code that a problem may have, with its status and what to do."""
    rows = sorted(CODES.items(), key=lambda item: (item[1].status, item[0]))
    detail = "; ".join(f"{code.status} `{name}`: {code.hint}" for name, code in rows)
    return {"description": detail, "content": {PROBLEM: {"schema": _reference(Problem)}}}


def _header(detail: str) -> Document:
    return {"description": detail, "schema": _TEXT}
