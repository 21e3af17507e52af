"""Any JSON object: its members are those that the standard library reads."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.formats.limits import IngestLimits
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
        assert found.problem == "a name occurs twice in one object"
        return
    if found.problem is not None:
        assert found.problem in ("a control character in a name", "an escape of half a character")
        return
    back = {name: json.loads(bytes(value)) for name, value in found.cells.items()}
    assert back == dict(pairs)
