"""GET /openapi.json: a valid document that describes every parameter; answers: test_answers.py."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from lake_server import Lake
from openapi_spec_validator import OpenAPIV31SpecValidator

from lakehouse.domain.errors import CODES
from lakehouse.web.routes import ROUTES

READ, CHANGE = "X-Actor X-Min-Seq", "X-Actor X-Min-Seq Idempotency-Key X-Change-Reason"
PARAMETERS = {
    "PUT /v1/storage/put/{key}": f"key If-None-Match {CHANGE}",
    "GET /v1/storage/get/{key}": f"key as_of If-None-Match Range If-Range {READ}",
    "GET /v1/storage/list": f"prefix after limit as_of {READ}",
    "DELETE /v1/storage/delete/{key}": f"key {CHANGE}",
    "POST /v1/catalog/register": CHANGE,
    "POST /v1/catalog/transaction": CHANGE,
    "POST /v1/catalog/derive": f"Query-Id {CHANGE}",
    "POST /v1/catalog/refresh": f"Query-Id {CHANGE}",
    "POST /v1/catalog/rename": CHANGE,
    "POST /v1/catalog/compact": CHANGE,
    "POST /v1/catalog/delete": CHANGE,
    "POST /v1/catalog/update": CHANGE,
    "POST /v1/catalog/erase": CHANGE,
    "POST /v1/catalog/restore": CHANGE,
    "PUT /v1/catalog/view/{name}": f"name {CHANGE}",
    "GET /v1/catalog/view/{name}": f"name as_of {READ}",
    "DELETE /v1/catalog/view/{name}": f"name {CHANGE}",
    "GET /v1/catalog/views": f"as_of after limit {READ}",
    "PUT /v1/catalog/profile/{name}": f"name {CHANGE}",
    "GET /v1/catalog/profile/{name}": f"name {READ}",
    "DELETE /v1/catalog/profile/{name}": f"name {CHANGE}",
    "GET /v1/catalog/profiles": f"after limit {READ}",
    "GET /v1/catalog/manifest/{name}": f"name as_of limit after profile X-Profile {READ}",
    "DELETE /v1/catalog/manifest/{name}": f"name {CHANGE}",
    "GET /v1/catalog/list": f"after limit summary as_of profile If-None-Match X-Profile {READ}",
    "GET /v1/catalog/history/{name}": f"name after limit {READ}",
    "GET /v1/catalog/quarantine/{name}": f"name key raw after limit {READ}",
    "GET /v1/catalog/why/{name}": f"name where as_of {READ}",
    "GET /v1/catalog/diff": f"from to {READ}",
    "POST /v1/catalog/pin": CHANGE,
    "POST /v1/catalog/unpin": CHANGE,
    "GET /v1/catalog/pins": f"after limit {READ}",
    "PUT /v1/access/principals/{name}": f"name {CHANGE}",
    "GET /v1/access/principals/{name}": f"name {READ}",
    "DELETE /v1/access/principals/{name}": f"name {CHANGE}",
    "GET /v1/access/principals": f"after limit {READ}",
    "POST /v1/access/tokens": CHANGE,
    "GET /v1/access/tokens": f"after limit {READ}",
    "DELETE /v1/access/tokens/{id}": f"id {CHANGE}",
    "PUT /v1/access/grants": CHANGE,
    "GET /v1/access/grants": f"principal after limit {READ}",
    "DELETE /v1/access/grants": f"principal on {CHANGE}",
    "GET /v1/access/me": READ,
    "PUT /v1/stores/{id}": f"id {CHANGE}",
    "GET /v1/stores/{id}": f"id {READ}",
    "DELETE /v1/stores/{id}": f"id {CHANGE}",
    "GET /v1/stores": f"after limit {READ}",
    "POST /v1/stores/doctor/{id}": f"id {READ}",
    "POST /v1/stores/copy": CHANGE,
    "POST /v1/stores/move": CHANGE,
    "PUT /v1/sources/{name}": f"name {CHANGE}",
    "GET /v1/sources/{name}": f"name {READ}",
    "DELETE /v1/sources/{name}": f"name {CHANGE}",
    "GET /v1/sources": f"after limit {READ}",
    "POST /v1/sources/{name}/run": f"name {CHANGE}",
    "GET /iceberg/v1/{path}": f"path warehouse parent pageToken pageSize {READ}",
    "POST /iceberg/v1/{path}": f"path {CHANGE}",
    "DELETE /iceberg/v1/{path}": f"path {READ}",
    "POST /v1/ingest": "name mode key where schema_change dedupe resolves dry_run stage format types null"
    f" delimiter encoding header on_error missing min_rows Content-Encoding {CHANGE}",
    "PUT /v1/ingest": "name mode key where schema_change dedupe resolves dry_run stage format types null"
    f" delimiter encoding header on_error missing min_rows Content-Encoding {CHANGE}",
    "POST /v1/stream/{dataset}": "dataset mode schema_change format types on_error missing first_line"
    f" Content-Encoding {CHANGE}",
    "GET /v1/audit/entries": f"after limit format {READ}",
    "GET /v1/sql": f"format as_of profile q If-None-Match Cache-Control Query-Id X-Profile {READ}",
    "POST /v1/sql": f"format as_of profile If-None-Match Cache-Control Query-Id X-Profile {READ}",
    "POST /v1/vectors/search": f"If-None-Match Cache-Control Query-Id X-Profile {READ}",
    "GET /v1/queries": f"after limit {READ}",
    "DELETE /v1/queries/{id}": f"id {READ}",
    "GET /v1/journal/head": READ,
    "GET /v1/journal/events": f"after limit type dataset format {READ}",
    "GET /v1/journal/stream": f"after type dataset format Last-Event-ID {READ}",
    "POST /v1/journal/undo": CHANGE,
    "POST /v1/gc": CHANGE,
    "POST /mcp": f"MCP-Protocol-Version Mcp-Method Mcp-Name Query-Id {READ}",
    "GET /health": READ,
    "GET /ready": READ,
    "GET /metrics": READ,
    "GET /openapi.json": READ,
}
BODIES = {
    "McpRequest": "jsonrpc method id params",
    "RegisterRequest": "name schema_fingerprint objects row_count",
    "ObjectReference": "key",
    "RestoreRequest": "name as_of",
    "TransactionRequest": "changes expect",
    "RegisterChange": "op name schema_fingerprint objects row_count",
    "DropChange": "op name",
    "RestoreChange": "op name as_of",
    "RenameChange": "op name to",
    "SwapChange": "op a b",
    "CommitChange": "op staged mode",
    "RenameRequest": "name to",
    "DeriveRequest": "name sql params mode key as_of profile schema_change dry_run stage",
    "RefreshRequest": "name schema_change all",
    "PutViewRequest": "sql of masks rows unmasked comment",
    "PutProfileRequest": "names others",
    "AliasTarget": "to as_of",
    "PutViewChange": "op sql of masks rows unmasked comment name",
    "DropViewChange": "op name",
    "PutProfileChange": "op names others name",
    "DropProfileChange": "op name",
    "PinRequest": "name as_of",
    "UnpinRequest": "name as_of_seq",
    "UndoRequest": "seq dry_run",
    "PutPrincipalRequest": "kind admin profile disabled limits",
    "Limits": "queries waiting ingests connections bytes_per_day",
    "IssueTokenRequest": "principal expires_in note",
    "PutGrantRequest": "principal on can",
    "GcRequest": "dry_run older_than",
    "SqlRequest": "sql params as_of timeout_ms format profile",
}
REQUIRED = {
    "McpRequest": "jsonrpc method",
    "RegisterRequest": "name schema_fingerprint objects",
    "ObjectReference": "key",
    "RestoreRequest": "name as_of",
    "TransactionRequest": "changes",
    "RegisterChange": "op name schema_fingerprint objects",
    "DropChange": "op name",
    "RestoreChange": "op name as_of",
    "RenameChange": "op name to",
    "SwapChange": "op a b",
    "CommitChange": "op staged",
    "RenameRequest": "name to",
    "DeriveRequest": "name sql",
    "RefreshRequest": "",
    "PutViewRequest": "",
    "PutProfileRequest": "names others",
    "AliasTarget": "to",
    "PutViewChange": "op name",
    "DropViewChange": "op name",
    "PutProfileChange": "op names others name",
    "DropProfileChange": "op name",
    "PinRequest": "name as_of",
    "UnpinRequest": "name as_of_seq",
    "UndoRequest": "seq",
    "PutPrincipalRequest": "kind",
    "Limits": "",
    "IssueTokenRequest": "principal",
    "PutGrantRequest": "principal on can",
    "GcRequest": "",
    "SqlRequest": "sql",
}


@pytest.fixture(scope="module")
def document(lake: Lake) -> dict[str, Any]:
    found: dict[str, Any] = lake.ask("GET", "/openapi.json").json
    return found


def conforms(document: dict[str, Any], schema: dict[str, Any], body: object) -> None:
    Draft202012Validator(schema | {"components": document["components"]}).validate(body)


def test_the_document_is_valid_and_has_each_route(document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    found = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert found == {(route.method, route.path) for route in ROUTES}


def test_each_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [each["operationId"] for item in document["paths"].values() for each in item.values()]
    assert len(set(names)) == len(names)


def test_each_code_is_reported(document: dict[str, Any]) -> None:
    reported = document["components"]["responses"]["Problem"]["description"]
    assert [name for name in CODES if f"`{name}`" not in reported] == []


@pytest.mark.parametrize(
    ("headers", "status"), [({}, 200), ({"Range": "bytes=0-0"}, 206), ({"If-None-Match": "*"}, 304)]
)
def test_partial_and_conditional_answers_are_reported(
    lake: Lake, document: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    lake.put("part", b"bytes")
    operation = document["paths"]["/v1/storage/get/{key}"]["get"]
    answer = lake.get("part", headers)
    assert answer.status == status
    promised = operation["responses"][str(status)].get("content", {})
    assert bool(answer.body) == (answer.headers["Content-Type"] in promised)
    reported = {each["name"] for each in operation["parameters"] if each["in"] == "header"}
    assert set(headers) <= reported


def test_parameters_have_these_names(document: dict[str, Any]) -> None:
    """Written out once more: a parameter that is renamed changes the code and the document together."""
    found = {
        f"{method.upper()} {path}": " ".join(each["name"] for each in operation["parameters"])
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert found == PARAMETERS


def test_bodies_have_these_members(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    found = {name: " ".join(schemas[name]["properties"]) for name in BODIES}
    assert found == BODIES
    required = {name: " ".join(schemas[name]["required"]) for name in BODIES}
    assert required == REQUIRED


def test_each_operation_is_described_and_has_an_example(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["description"] and operation["summary"], (method, path)
            assert examples_of(operation), (method, path)


def test_each_parameter_and_member_is_described(document: dict[str, Any]) -> None:
    for path, item in document["paths"].items():
        for operation in item.values():
            for each in operation["parameters"]:
                assert each["in"] == "path" or each["description"], (path, each)
    for name, schema in document["components"]["schemas"].items():
        assert schema["description"], name


def test_examples_are_what_their_schemas_allow(document: dict[str, Any]) -> None:
    operations = [each for item in document["paths"].values() for each in item.values()]
    for operation in operations:
        for schema, example in examples_of(operation):
            conforms(document, schema, example)


def examples_of(operation: dict[str, Any]) -> list[tuple[dict[str, Any], Any]]:
    """(schema, example) of each parameter, body and answer that shows one."""
    found = [
        (each["schema"], example)
        for each in operation["parameters"]
        for example in each["schema"].get("examples", ())
    ]
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    contents = [content for body in bodies for content in body.get("content", {}).values()]
    for content in contents:
        found += [(content["schema"], content["example"])] if "example" in content else []
        found += [
            (content["schema"], each["value"]) for each in content.get("examples", {}).values()
        ]
    return found


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("Idempotency-Key", "", False),
        ("Idempotency-Key", "a b", False),
        ("Idempotency-Key", "~" * 129, False),
        ("Idempotency-Key", "~" * 128, True),
        ("X-Min-Seq", "", False),
        ("X-Min-Seq", "-1", False),
        ("X-Min-Seq", "0", True),
    ],
)
def test_headers_are_refused_where_their_schemas_do_not_allow_them(
    lake: Lake, document: dict[str, Any], name: str, value: str, allowed: bool
) -> None:
    operation = document["paths"]["/v1/storage/put/{key}"]["put"]
    [schema] = [each["schema"] for each in operation["parameters"] if each["name"] == name]
    sent = int(value) if schema["type"] == "integer" and value else value
    assert Draft202012Validator(schema).is_valid(sent) == allowed
    assert lake.put("by-header", b"x", {name: value}).status == (200 if allowed else 400)


def test_the_server_is_the_one_that_was_asked(lake: Lake) -> None:
    for host in (f"127.0.0.1:{lake.port}", f"localhost:{lake.port}"):
        document = lake.ask("GET", "/openapi.json", headers={"Host": host}).json
        assert document["servers"] == [{"url": f"http://{host}"}]


def test_a_body_is_required_where_asking_without_one_is_refused(lake: Lake) -> None:
    paths = lake.ask("GET", "/openapi.json").json["paths"]
    assert paths["/v1/gc"]["post"]["requestBody"]["required"] is False
    assert lake.ask("POST", "/v1/gc").status == 200
    assert paths["/v1/sql"]["post"]["requestBody"]["required"] is True
    assert lake.ask("POST", "/v1/sql").status == 400
