"""Commits of engines that are not appends, or cannot be read, are refused and change nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from iceberg_append_requests import Json, put, refusal
from iceberg_writer import Staged, avro
from lake_server import Lake, running_lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("appends") / "bucket", iceberg_writes=True) as lake:
        yield lake


def _with(attribute: str, value: Any) -> Callable[[Staged], Json]:
    def change(append: Staged) -> Json:
        setattr(append, attribute, value)
        return append.commit()

    return change


def _entry(member: str, value: Any) -> Callable[[Staged], Json]:
    def change(append: Staged) -> Json:
        append.entries[0][member] = value
        return append.commit()

    return change


def _body(change: Callable[[Json], Any]) -> Callable[[Staged], Json]:
    def changed(append: Staged) -> Json:
        body = append.commit()
        change(body)
        return body

    return changed


def _snapshot(**members: Any) -> Callable[[Staged], Json]:
    return _body(lambda body: body["updates"][0]["snapshot"].update(members))


@pytest.mark.parametrize(
    "change",
    [
        _with("status", 2),
        _with("status", 0),
        _with("content", 1),
        _with("kept", []),
        _entry("content", 1),
        _entry("file_format", "AVRO"),
        _snapshot(summary={"operation": "overwrite"}),
        _snapshot(summary=None),
        _body(lambda body: body["updates"].append({"action": "set-properties", "updates": {}})),
        _body(lambda body: body["updates"].pop()),
        _body(lambda body: body["updates"].clear()),
        _body(lambda body: body["updates"][1].update({"ref-name": "branch"})),
        _body(lambda body: body["updates"][1].update(type="tag")),
        _body(lambda body: body["requirements"].append({"type": "assert-create"})),
        _body(lambda body: body["requirements"][0].update(ref="branch")),
        _body(lambda body: body["updates"].append(body["updates"][0])),
    ],
)
def test_what_is_no_append_is_not_supported(
    lake: Lake, fresh: Callable[[], str], change: Callable[[Staged], Json]
) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    assert refusal(lake, name, change) == (406, "UnsupportedOperationException")


OUTSIDE = "file:///etc/passwd"


@pytest.mark.parametrize(
    "change",
    [
        _entry("file_path", OUTSIDE),
        _entry("record_count", 2),
        _snapshot(**{"manifest-list": OUTSIDE}),
        _snapshot(**{"manifest-list": 1}),
        _snapshot(**{"snapshot-id": "x"}),
        _snapshot(**{"snapshot-id": 2**63}),
        _body(lambda body: body["updates"].__setitem__(0, {"action": "add-snapshot"})),
        lambda append: _with("entries", [*append.entries, *append.entries])(append),
        lambda append: _entry("file_path", append.entries[0]["file_path"] + "x")(append),
        lambda append: _entry(
            "file_path", append.metadata["properties"]["write.data.path"] + "/../../../../x"
        )(append),
        lambda append: _entry("file_path", append.metadata["location"] + "/_journal/lake.json")(
            append
        ),
    ],
)
def test_what_cannot_be_read_is_a_bad_request(
    lake: Lake, fresh: Callable[[], str], change: Callable[[Staged], Json]
) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    assert refusal(lake, name, change) == (400, "BadRequestException")


def _broken(body: bytes) -> Callable[[Staged], Json]:
    def change(append: Staged) -> Json:
        sent = append.commit()
        put(sent["updates"][0]["snapshot"]["manifest-list"], body)
        return sent

    return change


NOTHINGS = {"type": "record", "name": "x", "fields": []}
OF_NOTHING = {
    "type": "record",
    "name": "x",
    "fields": [{"name": "a", "type": {"type": "array", "items": "null"}}],
}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Obj\x01",
        b"x" * 1_000,
        avro(NOTHINGS, [{}] * 1_000),
        avro(OF_NOTHING, [{"a": [None] * 1_000}]),
        avro({"type": "record", "name": "x", "fields": [{"name": "a", "type": "bytes"}]},
             [{"a": bytes(40_000_000)}]),
        avro({"type": "record", "name": "x", "fields": [{"name": "a", "type": "int"}]},
             [{"a": 1}] * 9)[:-20],
    ],
    ids=range(7),
)  # fmt: skip
def test_broken_lists_are_refused(lake: Lake, fresh: Callable[[], str], body: bytes) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    assert refusal(lake, name, _broken(body)) == (400, "BadRequestException")
