"""What is no CSV is refused over HTTP, and nothing changes."""

from collections.abc import Callable

import pytest
from lake_server import Lake
from refusals import nothing_changes, refused

Fresh = Callable[[], str]

WRONG = {
    "array": (b'[{"a": 1}]', 415, "unsupported_media_type", "format=ndjson"),
    "page": (b"<!DOCTYPE html>\n<html></html>", 415, "unsupported_media_type", "HTML"),
    "document": (b"%PDF-1.4\n", 415, "unsupported_media_type", "PDF"),
    "archive": (b"PK\x03\x04\x14\x00", 415, "unsupported_media_type", "xlsx"),
    "semicolons": (b"a;b\n1;2\n", 422, "delimiter_suspected", "%3B"),
    "tabs": (b"a\tb\n1\t2\n", 422, "delimiter_suspected", "%09"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_is_refused_with_what_would_work(lake: Lake, fresh: Fresh, kind: str) -> None:
    body, status, code, named = WRONG[kind]
    name = fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    with nothing_changes(lake):
        answer = refused(lake.ingest(f"name={name}", body), status, code)
        assert named in answer.json["detail"]
        dry = lake.ingest(f"name={name}&dry_run=true", body).json
        assert (dry["outcome"], dry["refused"]["code"]) == ("refuse", code)


def test_a_delimiter_that_is_named_is_taken(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    tabs = lake.ingest(f"name={name}&delimiter=TAB", b"a\tb\n1\t2\n").json
    assert [each["name"] for each in tabs["schema"]] == ["a", "b"]
    other = fresh()
    commas = lake.ingest(f"name={other}&delimiter=,", b"a;b\n1;2\n").json
    assert [each["name"] for each in commas["schema"]] == ["a;b"]
