"""Options in a query: each spelled one way only, refused when unknown."""

import pytest

from lakehouse.domain.errors import Refused
from lakehouse.formats.option_parsing import parse_options
from lakehouse.formats.options import Options

ZONED = "timestamp[us, tz=UTC]"


def _options(*pairs: tuple[str, str]) -> Options:
    options = parse_options(pairs)
    assert isinstance(options, Options), options
    return options


def test_defaults_are_the_contracts() -> None:
    assert _options() == Options()
    assert Options().canonical() == ()


@pytest.mark.parametrize("spelling", ["TAB", "tab", r"\t", "\t"])
def test_a_tab_has_spellings_that_are_easy_to_type(spelling: str) -> None:
    assert _options(("delimiter", spelling)).delimiter == "\t"


def test_every_option_is_read() -> None:
    options = _options(
        ("types", "zip:string"),
        ("null", "NA"),
        ("delimiter", ";"),
        ("header", "false"),
        ("encoding", "Latin-1"),
        ("null", "-"),
    )
    assert options == Options(
        delimiter=";",
        delimiter_given=True,
        encoding="iso8859-1",
        header=False,
        null_tokens=("-", "NA"),
        types=(("zip", "string"),),
    )
    assert options.canonical() == (
        ("delimiter", ";"),
        ("encoding", "iso8859-1"),
        ("header", "false"),
        ("null", "-"),
        ("null", "NA"),
        ("types", "zip:string"),
    )


def test_same_reading_has_the_same_canonical_form() -> None:
    spelled = [("null", "b"), ("null", "a"), ("encoding", "UTF8"), ("types", "x:date,a:bool")]
    other = [("types", "a:bool,x:date32[day]"), ("null", "a"), ("null", "b"), ("null", "a")]
    other += [("header", "true"), ("delimiter", ","), ("null", "")]
    assert _options(*spelled).canonical() == _options(*other).canonical()


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("a:int64", {"a": "int64"}),
        (
            "a:date,b:timestamp,c:timestamptz",
            {"a": "date32[day]", "b": "timestamp[us]", "c": ZONED},
        ),
        (f"a:{ZONED},b:bool", {"a": ZONED, "b": "bool"}),
        (f"a:timestamp[us],b:{ZONED}", {"a": "timestamp[us]", "b": ZONED}),
        ("a:b:int64", {"a:b": "int64"}),
        ("a,b:int64", {"a,b": "int64"}),
        ("a:string:int64", {"a:string": "int64"}),
        ("a, b:c,d:double,e:string", {"a, b:c,d": "double", "e": "string"}),
        ("", {}),
        ("a\nb:bool", {"a\nb": "bool"}),
    ],
)
def test_types_are_split_at_the_names_of_types(text: str, types: dict[str, str]) -> None:
    assert dict(_options(("types", text)).types) == types


INVALID = [
    ("delimeter", ";"),
    ("delimiter", ""),
    ("delimiter", ";;"),
    ("delimiter", '"'),
    ("delimiter", "\n"),
    ("delimiter", "\r"),
    ("delimiter", "\0"),
    ("delimiter", "é"),
    ("header", "yes"),
    ("header", "True"),
    ("types", "a"),
    ("types", "a:int"),
    ("types", ":int64"),
    ("types", "a:int64,b"),
    ("types", "a:int64,a:string"),
    ("encoding", ""),
    ("encoding", "no-such"),
    ("encoding", "rot13"),
    ("encoding", "base64"),
    ("encoding", "zlib"),
    ("encoding", "idna"),
    ("encoding", "punycode"),
    ("encoding", "unicode_escape"),
    ("encoding", "raw-unicode-escape"),
    ("encoding", "undefined"),
    ("encoding", "a\0b"),
    ("encoding", "../../etc/passwd"),
    ("encoding", "os.path"),
    ("encoding", "\ud800"),
    ("null", "\udcff"),
    ("types", "\ud800:bool"),
    ("encoding", "x" * 10_000),
]


@pytest.mark.parametrize(("name", "value"), INVALID)
def test_anything_else_is_invalid(name: str, value: str) -> None:
    answer = parse_options([(name, value)])
    assert isinstance(answer, Refused)
    assert answer.code == "invalid_request"
    assert len(answer.detail) < 400


@pytest.mark.parametrize("name", ["delimiter", "encoding", "header"])
def test_single_options_are_given_once(name: str) -> None:
    answer = parse_options([(name, "x"), (name, "x")])
    assert isinstance(answer, Refused)
    assert answer.code == "invalid_request"
