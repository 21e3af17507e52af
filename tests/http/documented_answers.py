"""The OpenAPI document of a lake, and the check of an answer against it."""

from typing import Any

import msgspec
from answer_members import (
    members,
)
from jsonschema import Draft202012Validator
from lake_server import Lake
from raw_http import Answer

CSV = (("Content-Type", "text/csv"),)
CHANGED_BY = (
    ("X-Actor", "ada"), ("X-Change-Reason", "the audit"), ("Idempotency-Key", "k-1"),
)  # fmt: skip


class Documented:
    """The OpenAPI document of one lake."""

    def __init__(self, lake: Lake) -> None:
        self.document: dict[str, Any] = lake.ask("GET", "/openapi.json").json

    def check(self, answer: Answer, route: str, struct: type[Any], expected: Any) -> Any:
        """The answer as JSON, once it has its members, and is what document and struct say."""
        method, path = route.split()
        assert answer.status == 200, answer
        operation = self.document["paths"][path][method.lower()]
        content = operation["responses"]["200"]["content"]["application/json"]
        self.conforms(content["schema"], answer.json)
        self.conforms({"$ref": f"#/components/schemas/{struct.__name__}"}, answer.json)
        members(answer.json, expected)
        decoded(answer.body, struct)
        return answer.json

    def conforms(self, schema: dict[str, Any], body: Any) -> None:
        components = {"components": self.document["components"]}
        Draft202012Validator(schema | components).validate(body)


def decoded(body: bytes, struct: type[Any]) -> None:
    """A client that decodes the body loses nothing of it."""
    found = msgspec.json.decode(body, type=struct)
    assert msgspec.json.decode(msgspec.json.encode(found)) == msgspec.json.decode(body)


def post(lake: Lake, path: str, **body: Any) -> Answer:
    return lake.ask("POST", path, body, CHANGED_BY[:2])
