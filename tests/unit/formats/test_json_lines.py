"""Lines of JSON: what is taken apart quickly is what the standard library takes apart."""

import pytest

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.ndjson.columns import column
from lakehouse.formats.ndjson.lines import Line, parsed_lines


def only(line: bytes) -> Line:
    [[found]] = [block for block in parsed_lines([line], IngestLimits()) if block]
    return found


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a" :1,"a":2}', b'{"a":":x","a":2}', b'{"a":1,"a":":"}', b'{"a"\t:1,"a":{"b":1}}',
        b'{"\\u0061":1,"a":2}', b'{"x":[{"a":1,"a":2}]}',
    ],
)  # fmt: skip
def test_a_name_that_stands_twice_is_never_passed_over(raw: bytes) -> None:
    assert only(raw).problem == "a name occurs twice in one object"


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_python_alone_takes_for_json_is_refused(word: str) -> None:
    assert only(b'{"a":%s}' % word.encode()).problem == f"{word} is not JSON"


def test_values_are_texts_and_kinds() -> None:
    lines = [only(b'{"a":%s}' % raw) for raw in (b"1.10", b"true", b'"x"', b"null", b"[1.0, 2]")]
    texts, kinds = column([*lines, only(b"{}")], "a")
    assert texts.to_pylist() == ["1.10", "true", "x", None, "[1.0,2]", None]
    assert kinds.to_pylist() == ["number", "bool", "string", None, "nested", None]
    texts, kinds = column([only(b'{"a":"x\\ny"}'), only(b'{"a":"\\""}')], "a")
    assert (texts.to_pylist(), kinds.to_pylist()) == (["x\ny", '"'], ["string", "string"])
