"""The size of a refusal's answer: at most 64 KiB, whatever the detail and the rows of errors."""

from typing import Any

import msgspec
import pytest

from lakehouse.domain.errors import Refused
from lakehouse.web.http.problem_size import MAX_PROBLEM_BYTES
from lakehouse.web.http.problems import problem


def answered(detail: str, errors: tuple[dict[str, Any], ...]) -> tuple[bytes, dict[str, Any]]:
    body = problem(Refused("object_missing", detail, errors), "a-request").body
    assert isinstance(body, bytes)
    return body, msgspec.json.decode(body)


@pytest.mark.parametrize("text", ["k", "é", "\x01", '"', "\U0001f600"], ids=ascii)
@pytest.mark.parametrize("count", [1, 700, 9_999])
def test_a_long_list_of_errors_is_cut_and_counted(text: str, count: int) -> None:
    rows = tuple({"key": f"{index}{text * (1 + index % 200)}"} for index in range(count))
    body, found = answered("some keys name no object", rows)
    assert len(body) <= MAX_PROBLEM_BYTES
    kept = found["errors"]
    assert kept == list(rows[: len(kept)])
    if len(kept) == count:
        assert found["detail"] == "some keys name no object"
    else:
        assert found["detail"].endswith(f"(errors lists {len(kept):,} of {count:,})")
        largest = {"key": f"{count}{text * 200}"}
        assert len(body) + 2 * len(msgspec.json.encode(largest)) > MAX_PROBLEM_BYTES


def test_an_answer_of_exactly_the_limit_is_whole() -> None:
    frame, _ = answered("d", ({"key": ""},))
    room = MAX_PROBLEM_BYTES - len(frame)
    body, found = answered("d", ({"key": "x" * room},))
    assert len(body) == MAX_PROBLEM_BYTES
    assert found["detail"] == "d"
    body, found = answered("d", ({"key": "x" * (room + 1)},))
    assert len(body) < MAX_PROBLEM_BYTES
    assert (found["errors"], found["detail"]) == ([], "d (errors lists 0 of 1)")


def test_a_long_detail_is_cut_without_errors_too() -> None:
    body, found = answered("\x01" * 70_000, ())
    assert len(body) <= MAX_PROBLEM_BYTES
    assert found["detail"].endswith("…")
    assert "errors" not in found
