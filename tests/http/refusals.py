"""What every refusal must look like, and that it changed nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from lake_server import Lake
from raw_http import Answer

MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "retryable"}


def refused(answer: Answer, status: int, code: str) -> Answer:
    """Assert that the answer is this refusal, in the one shape that refusals have."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"].split(";")[0] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    body = answer.json
    assert body["code"] == code, answer
    assert body.keys() >= MEMBERS
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert isinstance(body["retryable"], bool)
    assert all(isinstance(body[name], str) for name in ("type", "title", "detail"))
    assert isinstance(body.get("errors", []), list)
    return answer


@contextmanager
def nothing_changes(lake: Lake) -> Iterator[None]:
    """Assert that neither the journal nor the objects nor the spool are touched inside."""
    before = _traces(lake)
    yield
    assert _traces(lake) == before


def _traces(lake: Lake) -> tuple[object, ...]:
    blobs = [path for top in ("objects", "datasets") for path in (lake.bucket / top).rglob("*")]
    return lake.head(), sorted(map(str, blobs)), lake.spooled()
