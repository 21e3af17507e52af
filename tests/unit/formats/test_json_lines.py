"""Lines of JSON: what is taken apart quickly is what the standard library takes apart."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.formats.limits import IngestLimits
from lakehouse.formats.ndjson.columns import column
from lakehouse.formats.ndjson.lines import Line, parsed_lines

_names = st.sampled_from(["a", "b", "", ":", " ", '"', "é", "a:"])
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | _names
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=4,
)
_separators = st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : "), (",", "\t:")])


def only(line: bytes) -> Line:
    [[found]] = [block for block in parsed_lines([line], IngestLimits()) if block]
    return found


@settings(max_examples=300)
@given(st.lists(st.tuples(_names, _values), min_size=1, max_size=4), _separators, st.booleans())
def test_members_are_those_of_the_standard_library(
    pairs: list[tuple[str, object]], separators: tuple[str, str], ascii_only: bool
) -> None:
    members = [
        json.dumps(name, ensure_ascii=ascii_only)
        + separators[1]
        + json.dumps(value, ensure_ascii=ascii_only, separators=separators)
        for name, value in pairs
    ]
    try:
        raw = ("{" + separators[0].join(members) + "}").encode()
    except UnicodeEncodeError:
        return
    found = only(raw)
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        assert found.problem == "a name stands twice in one object"
        return
    if found.problem is not None:
        assert found.problem in ("a control character in a name", "an escape of half a character")
        return
    back = {name: json.loads(bytes(value)) for name, value in found.cells.items()}
    assert back == dict(pairs)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a" :1,"a":2}', b'{"a":":x","a":2}', b'{"a":1,"a":":"}', b'{"a"\t:1,"a":{"b":1}}',
        b'{"\\u0061":1,"a":2}', b'{"x":[{"a":1,"a":2}]}',
    ],
)  # fmt: skip
def test_a_name_that_stands_twice_is_never_passed_over(raw: bytes) -> None:
    assert only(raw).problem == "a name stands twice in one object"


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
