"""GET /openapi.json: a valid document, and the truth about what is answered."""

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from lake_server import Answer, Lake
from openapi_spec_validator import OpenAPIV31SpecValidator

from lakehouse.domain.errors import CODES
from lakehouse.web.routes import ROUTES

REGISTRATION = {"name": "r", "schema_fingerprint": "f", "objects": [{"key": "k"}], "row_count": 1}


@pytest.fixture(scope="module")
def document(lake: Lake) -> dict[str, Any]:
    found: dict[str, Any] = lake.ask("GET", "/openapi.json").json
    return found


def conforms(document: dict[str, Any], schema: dict[str, Any], body: object) -> None:
    Draft202012Validator(schema | {"components": document["components"]}).validate(body)


def answered(document: dict[str, Any], answer: Answer, method: str, path: str) -> None:
    """The body is of the shape that the document promises for this route and status."""
    operation = document["paths"][path][method.lower()]
    media_type = answer.headers["Content-Type"].partition(";")[0]
    if answer.status < 400:
        promised = operation["responses"][str(answer.status)]["content"]
    else:
        promised = document["components"]["responses"]["Problem"]["content"]
    conforms(document, promised[media_type]["schema"], answer.json)


def test_the_document_is_valid_and_has_each_route(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    found = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert found == {(route.method, route.path) for route in ROUTES}


def test_each_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [each["operationId"] for item in document["paths"].values() for each in item.values()]
    assert len(set(names)) == len(names)


def test_each_code_is_told(document: dict[str, Any]) -> None:
    told = document["components"]["responses"]["Problem"]["description"]
    assert [name for name in CODES if f"`{name}`" not in told] == []


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 200), ({"Range": "bytes=0-0"}, 206), ({"If-None-Match": "*"}, 304)]
)
def test_partial_and_conditional_answers_are_told(
    lake: Lake, document: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    lake.put("part", b"bytes")
    operation = document["paths"]["/v1/storage/get/{key}"]["get"]
    answer = lake.get("part", headers)
    assert answer.status == status
    promised = operation["responses"][str(status)].get("content", {})
    assert bool(answer.body) == (answer.headers["Content-Type"] in promised)
    told = {each["name"] for each in operation["parameters"] if each["in"] == "header"}
    assert set(headers) <= told


def test_answers_are_what_the_document_says(lake: Lake, document: dict[str, Any]) -> None:
    put = lake.put("k", b"a,b\n1,x\n")
    answered(document, put, "PUT", "/v1/storage/put/{key}")
    ask = lake.ask
    csv = {"Content-Type": "text/csv"}
    ingest = ask("POST", "/v1/ingest?name=t", b"a,\n1,x\n", csv)
    assert ingest.json["renamed"]
    answered(document, ingest, "POST", "/v1/ingest")
    aside = ask("POST", "/v1/ingest?name=q&on_error=quarantine", b"a,b\n1,x\n1\n", csv)
    assert aside.json["quarantine"]
    answered(document, aside, "POST", "/v1/ingest")
    again = ask("POST", "/v1/ingest?name=t&mode=append&dedupe=source", b"a,\n1,x\n", csv)
    assert again.json["duplicate_of"]
    answered(document, again, "POST", "/v1/ingest")
    for method, path, sent, body in (
        ("GET", "/v1/storage/list", "?prefix=", None),
        ("POST", "/v1/catalog/register", "", REGISTRATION),
        ("GET", "/v1/catalog/list", "", None),
        ("GET", "/v1/catalog/list", "?summary=true", None),
        ("GET", "/v1/journal/head", "", None),
        ("GET", "/v1/journal/events", "", None),
        ("POST", "/v1/sql", "", {"sql": "SELECT * FROM t"}),
        ("GET", "/v1/queries", "", None),
        ("GET", "/health", "", None),
        ("GET", "/ready", "", None),
        ("POST", "/v1/catalog/restore", "", {"name": "absent", "as_of": 1}),
        ("POST", "/v1/sql", "", {"sql": "SELEC"}),
    ):  # fmt: skip
        answer = ask(method, path + sent, msgspec.json.encode(body) if body else None)
        answered(document, answer, method, path)
    for method, path, name in (
        ("GET", "/v1/catalog/manifest/{name}", "t"),
        ("GET", "/v1/catalog/manifest/{name}", "r"),
        ("GET", "/v1/catalog/history/{name}", "t"),
        ("DELETE", "/v1/queries/{id}", "none"),
        ("DELETE", "/v1/catalog/manifest/{name}", "r"),
    ):
        fixed = path.partition("{")[0]
        answered(document, ask(method, fixed + name), method, path)
    restored = {"name": "r", "as_of": ask("GET", "/v1/journal/head").json["seq"] - 1}
    answer = ask("POST", "/v1/catalog/restore", msgspec.json.encode(restored))
    assert answer.status == 200
    answered(document, answer, "POST", "/v1/catalog/restore")


def test_a_body_is_required_where_asking_without_one_is_refused(lake: Lake) -> None:
    paths = lake.ask("GET", "/openapi.json").json["paths"]
    assert paths["/v1/gc"]["post"]["requestBody"]["required"] is False
    assert lake.ask("POST", "/v1/gc").status == 200
    assert paths["/v1/sql"]["post"]["requestBody"]["required"] is True
    assert lake.ask("POST", "/v1/sql").status == 400
