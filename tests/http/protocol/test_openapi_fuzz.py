"""Requests that the OpenAPI document allows, made by schemathesis: it describes every answer.

The examples are the same in every run. Changes are sent too, to a lake of this module; the
bodies of files and the endless stream are not.
"""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from lake_server import Lake, running_lake
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from lakehouse.web.routes import ROUTES

EXAMPLES = 8
ENDLESS = "/v1/journal/stream"
OPERATIONS = [
    (route.method, route.path)
    for route in ROUTES
    if route.method in ("GET", "POST") and route.path not in (ENDLESS, "/v1/ingest")
]
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("fuzzed") / "bucket") as lake:
        lake.ingest("name=sales", b"id,price\n1,2.50\n")
        yield lake


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("method", "path"), OPERATIONS, ids=[" ".join(each) for each in OPERATIONS]
)
def test_allowed_requests_get_described_answers(lake: Lake, method: str, path: str) -> None:
    document = lake.ask("GET", "/openapi.json").json
    schema = schemathesis.openapi.from_dict(document)
    operation = schema[path][method]
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def run(case: schemathesis.Case) -> None:
        # An event that is yet to come is waited for, five seconds each time.
        case.headers.pop("X-Min-Seq", None)
        case.call_and_validate(base_url=f"http://{lake.host}", checks=list(CHECKS))

    run()
