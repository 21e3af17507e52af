"""Requests that Iceberg's OpenAPI document allows, made by schemathesis: none is a server's fault.

LAKEHOUSE_TEST_ICEBERG_OPENAPI names the document of the Apache Iceberg project; all its operations are
tried then. Without it a description of the paths that the catalog claims stands in. The examples are the
same in every run.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from iceberg_writer import Staged
from lake_server import Lake, running_lake
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode

from lakehouse.web.handlers.iceberg import COMMIT, ENDPOINTS

EXAMPLES = 12
DOCUMENT = os.environ.get("LAKEHOUSE_TEST_ICEBERG_OPENAPI")
Json = dict[str, Any]
TEXT, ID, TABLE = {"type": "string"}, {"type": "integer", "format": "int64"}, "/tables/{table}"


def _object(**members: Json) -> Json:
    return {"type": "object", "properties": members, "required": list(members)}


REQUIREMENT = {
    "type": "object",
    "properties": {
        "type": {"enum": ["assert-ref-snapshot-id", "assert-table-uuid", "assert-create"]},
        "ref": TEXT,
        "snapshot-id": {"oneOf": [ID, {"type": "null"}]},
        "uuid": TEXT,
    },
    "required": ["type"],
}
SNAPSHOT = _object(
    **{"snapshot-id": ID, "timestamp-ms": ID, "manifest-list": TEXT, "parent-snapshot-id": ID},
    summary=_object(operation={"enum": ["append", "replace", "overwrite", "delete"]}),
)
UPDATE = {
    "oneOf": [
        _object(action={"const": "add-snapshot"}, snapshot=SNAPSHOT),
        _object(
            action={"const": "set-snapshot-ref"},
            type={"enum": ["tag", "branch"]},
            **{"ref-name": TEXT, "snapshot-id": ID},
        ),
        _object(action={"const": "set-properties"}, updates={"type": "object"}),
    ]
}
COMMIT_BODY = _object(
    requirements={"type": "array", "items": REQUIREMENT},
    updates={"type": "array", "items": UPDATE},
)
BODIES = {COMMIT: COMMIT_BODY, ENDPOINTS[-1]: _object(**{"report-type": TEXT})}


def _claimed() -> Json:
    """A description of what `config` says that the catalog has."""
    paths: dict[str, Json] = {}
    queries = {"/v1/config": ["warehouse"], "/namespaces": ["parent", "pageToken", "pageSize"]}
    for endpoint in ["GET /v1/config", *ENDPOINTS, COMMIT]:
        method, path = endpoint.split(" ")
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        parameters: list[Json] = [
            {"name": name, "in": "path", "required": True, "schema": TEXT} for name in names
        ]
        found = next((queries[end] for end in queries if path.endswith(end)), [])
        parameters += [{"name": name, "in": "query", "schema": TEXT} for name in found]
        operation: Json = {"parameters": parameters, "responses": {"default": {"description": "x"}}}
        if endpoint in BODIES:
            content = {"application/json": {"schema": BODIES[endpoint]}}
            operation["requestBody"] = {"required": True, "content": content}
        paths.setdefault(path, {})[method.lower()] = operation
    return {"openapi": "3.1.0", "info": {"title": "Iceberg", "version": "1"}, "paths": paths}


RAW: Json = yaml.safe_load(Path(DOCUMENT).read_text()) if DOCUMENT else _claimed()
METHODS = ("get", "head", "post", "delete")
OPERATIONS = [
    (path, method) for path, item in RAW["paths"].items() for method in item if method in METHODS
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    directory = tmp_path_factory.mktemp("iceberg-fuzzed")
    with running_lake(directory / "bucket", queries=False, iceberg_writes=True) as lake:
        lake.ingest("name=t", b"a\n1\n")
        yield lake


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("path", "method"), OPERATIONS, ids=[" ".join(each) for each in OPERATIONS]
)
def test_no_request_is_a_servers_fault(lake: Lake, path: str, method: str) -> None:
    operation = schemathesis.openapi.from_dict(RAW)[path][method.upper()]
    known = {"prefix": st.sampled_from(["at0", "at1", "at9", "x"]), "namespace": st.just("lake")}
    known["table"] = st.just("t")
    cases = st.one_of(
        operation.as_strategy(generation_mode=mode)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )
    named = st.fixed_dictionaries({name: st.none() | kind for name, kind in known.items()})

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, names=named)
    def run(case: schemathesis.Case, names: dict[str, str | None]) -> None:
        chosen = {name: value for name, value in names.items() if value and name in path}
        case.path_parameters.update(chosen)
        case.headers.pop("X-Min-Seq", None)
        case.call_and_validate(base_url=f"http://{lake.host}/iceberg", checks=[not_a_server_error])

    run()


@pytest.mark.timeout(240)
def test_no_commit_is_a_servers_fault(lake: Lake) -> None:
    """Commits to the present table, which the document's paths name with a prefix alone."""
    table = "/iceberg/v1/namespaces/lake/tables/t"
    metadata = lake.ask("GET", table).json["metadata"]
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=3,
    )

    def put(url: str, body: bytes) -> None:
        path = Path(url.removeprefix("file://"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    staged = Staged(metadata, put, lambda url: Path(url.removeprefix("file://")).read_bytes())
    whole = staged.commit()
    places = list(_places(whole))

    @settings(
        max_examples=100,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(place=st.sampled_from(places), value=values)
    def run(place: tuple[Any, ...], value: Any) -> None:
        answer = lake.ask("POST", table, _with(whole, place, value))
        assert answer.status < 500, (place, value, answer.body)

    run()


def _places(found: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each member, at any depth."""
    yield at
    inner = (
        found.items()
        if isinstance(found, dict)
        else enumerate(found)
        if isinstance(found, list)
        else ()
    )
    for name, each in inner:
        yield from _places(each, (*at, name))


def _with(found: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The same with another value at one place."""
    if not place:
        return value
    copy = found.copy()
    copy[place[0]] = _with(found[place[0]], place[1:], value)
    return copy
