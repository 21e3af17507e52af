"""The OpenAPI document (3.1), made from the route table, the structs of `api` and the table of codes."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import msgspec

from lakehouse.api.engines.iceberg import IcebergError
from lakehouse.api.headers import AnswerHeaders, ChangeHeaders, ReadHeaders
from lakehouse.api.history.journal import StreamedEvent, StreamEnd
from lakehouse.api.ingest.stream import (
    StreamAck,
    StreamKeepalive,
    StreamProblem,
    StreamTotal,
)
from lakehouse.api.problem import Problem
from lakehouse.domain.errors import CODES
from lakehouse.web.http.iceberg_problems import ROOT as ICEBERG
from lakehouse.web.http.problems import JSON, PROBLEM
from lakehouse.web.route import Route

Document = dict[str, Any]
Schemas = dict[str, Any]

_REFERENCE = "#/components/schemas/{name}"
_FORM = "multipart/form-data"
_TEXT_EXAMPLES = {
    "text/csv": "id,price\n1,2.50\n",
    "text/tab-separated-values": "id\tprice\n1\t2.50\n",
    "text/plain": "lakehouse_datasets 3.0\n",
    "text/event-stream": 'id: 41\ndata: {"specversion": "1.0", "id": "41", "type": "dataset_dropped"}\n\n',
    "application/x-ndjson": '{"id": 1, "price": 2.5}\n',
}
"""Example bodies that are not JSON documents."""
_UNROUTED = (
    *(Problem, StreamedEvent, StreamEnd),
    *(StreamAck, StreamKeepalive, StreamTotal, StreamProblem),
)
"""Structs that no row of the table names as its JSON answer."""


def document(routes: Iterable[Route], url: str) -> Document:
    """The document of these routes, as JSON's own types; `url` is where they are served."""
    routes = tuple(routes)
    structs = {each for route in routes for each in _structs(route)} | {*_UNROUTED}
    ordered = sorted(structs, key=lambda struct: struct.__name__)
    _, schemas = msgspec.json.schema_components(ordered, ref_template=_REFERENCE)
    paths: dict[str, Document] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "lakehouse",
            "version": version("lakehouse"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {"Problem": _problem(schemas)},
            "headers": {
                each["name"]: {name: each[name] for name in ("description", "schema")}
                for each in _parameters(AnswerHeaders, "header")
            },
        },
    }


def example(schema: Document, schemas: Schemas) -> Any:
    """A value that the schema allows, made of the examples of its fields."""
    if "$ref" in schema:
        return example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return example(schema["anyOf"][0], schemas)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {name: example(field, schemas) for name, field in fields.items()}
        case "array":
            return [example(schema["items"], schemas)] if schema.get("items") else []
        case "boolean":
            return False
        case "integer":
            return schema.get("minimum", 0)
    return "text"


def _operation(route: Route, schemas: Schemas) -> Document:
    headers = ChangeHeaders if route.changes else ReadHeaders
    found: Document = {
        "operationId": f"{route.handler.__module__.rpartition('.')[2]}_{route.handler.__name__}",
        "summary": route.summary,
        "description": route.description,
        "parameters": [
            *_path(route),
            *_parameters(route.query, "query"),
            *_parameters(route.headers, "header"),
            *_parameters(headers, "header"),
        ],
        "responses": _answers(route, schemas) | {"default": _refusal(route, schemas)},
    }
    return found | ({"requestBody": _body(route, schemas)} if route.body else {})


def _refusal(route: Route, schemas: Schemas) -> Document:
    if not route.path.startswith(ICEBERG):
        return {"$ref": "#/components/responses/Problem"}
    content = {JSON: _json([IcebergError], schemas)}
    return {"description": "A refusal in Iceberg's form.", "content": content}


def _path(route: Route) -> list[Document]:
    name = route.path.partition("{")[2].partition("}")[0]
    if not name:
        return []
    schema = {"type": "string", "examples": [route.path_example]}
    return [{"name": name, "in": "path", "required": True, "schema": schema}]


def _parameters(struct: type[msgspec.Struct], place: str) -> list[Document]:
    """The fields of a struct as parameters; the description stands outside of the schema."""
    _, schemas = msgspec.json.schema_components([struct], ref_template=_REFERENCE)
    described = schemas[struct.__name__]
    required = set(described["required"])
    return [
        _parameter(name, place, dict(schema), required=name in required)
        for name, schema in described["properties"].items()
        if name.lower() not in _NOT_PARAMETERS
    ]


_NOT_PARAMETERS = ("accept", "content-type")
"""Headers that OpenAPI describes by the media types of bodies, and ignores as parameters."""


def _parameter(name: str, place: str, schema: Document, *, required: bool) -> Document:
    description = schema.pop("description", None)
    if schema.get("default") is None:
        schema.pop("default", None)
    options = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(options) == 1:
        # Null is what an absent parameter reads as; it cannot be sent.
        schema = {key: value for key, value in schema.items() if key != "anyOf"} | options[0]
        description = description or schema.pop("description", None)
        schema.pop("description", None)
    found = {"name": name, "in": place, "description": description, "schema": schema}
    return found | ({"required": True} if required else {})


def _body(route: Route, schemas: Schemas) -> Document:
    if isinstance(route.body, tuple):
        content = {name: _raw(name) for name in route.body}
    else:
        content = {JSON: _json([route.body] if route.body else [], schemas)}
        content |= {name: {"schema": {"type": "string"}} for name in route.body_text}
    return {"required": not route.body_optional, "content": content}


def _answers(route: Route, schemas: Schemas) -> Document:
    """The answers that are no refusals, by status."""
    whole = _answer(route, schemas)
    found = {"200" if route.answers else "204": whole}
    names = {each["name"] for each in _parameters(route.headers, "header")}
    if "Range" in names:
        found["206"] = whole
    if "If-None-Match" in names and not route.changes:
        found["304"] = {name: part for name, part in whole.items() if name != "content"}
    if route.json_rpc:
        found["202"] = {name: part for name, part in whole.items() if name != "content"}
        content = whole["content"] | {PROBLEM: _problem(schemas)["content"][PROBLEM]}
        found["400"] = found["404"] = whole | {"content": content}
    return found


def _answer(route: Route, schemas: Schemas) -> Document:
    headers = {
        each["name"]: {"$ref": f"#/components/headers/{each['name']}"}
        for each in _parameters(AnswerHeaders, "header")
    }
    structs = [each for each in route.answers if not isinstance(each, str)]
    content: Document = {each: _raw(each) for each in route.answers if isinstance(each, str)}
    if structs:
        content = {JSON: _json(structs, schemas)} | content
    found: Document = {"description": route.description, "headers": headers}
    return found | ({"content": content} if content else {})


def _json(structs: list[type[msgspec.Struct]], schemas: Schemas) -> Document:
    references = [_reference(each) for each in structs]
    examples = {
        struct.__name__: {"value": example(reference, schemas)}
        for struct, reference in zip(structs, references, strict=True)
    }
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    return {"schema": schema, "examples": examples}


def _raw(media_type: str) -> Document:
    """Bytes as they are; a form has its file in the field `file`."""
    text = _TEXT_EXAMPLES.get(media_type.partition(";")[0])
    if text is not None:
        return {"schema": {"type": "string"}, "example": text}
    if media_type == JSON:
        return {"schema": {"type": "object"}, "example": {"openapi": "3.1.0"}}
    if media_type != _FORM:
        return {}
    properties = {"file": {"type": "string", "contentMediaType": "application/octet-stream"}}
    return {"schema": {"type": "object", "properties": properties, "required": ["file"]}}


def _reference(struct: type[msgspec.Struct]) -> Document:
    return {"$ref": _REFERENCE.format(name=struct.__name__)}


def _structs(route: Route) -> list[type[msgspec.Struct]]:
    refusal = IcebergError if route.path.startswith(ICEBERG) else None
    return [each for each in (route.body, *route.answers, refusal) if isinstance(each, type)]


def _problem(schemas: Schemas) -> Document:
    """Every code that a problem may have, with its status and what to do."""
    rows = sorted(CODES.items(), key=lambda item: (item[1].status, item[0]))
    detail = "; ".join(f"{code.status} `{name}`: {code.hint}" for name, code in rows)
    return {"description": detail, "content": {PROBLEM: _json([Problem], schemas)}}
