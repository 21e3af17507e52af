"""Where a statement typed at the prompt ends."""

import pytest

from lakehouse.cli.commands.shell.statements import split


@pytest.mark.parametrize(
    ("text", "statements", "rest"),
    [
        ("", [], ""),
        ("SELECT 1", [], "SELECT 1"),
        ("SELECT 1;", ["SELECT 1"], ""),
        ("SELECT 1; SELECT 2;\n", ["SELECT 1", "SELECT 2"], "\n"),
        (";;SELECT 1 ; SEL", ["SELECT 1"], " SEL"),
        ("SELECT ';';", ["SELECT ';'"], ""),
        ("SELECT 'it''s;';", ["SELECT 'it''s;'"], ""),
        ("SELECT 'a;\n", [], "SELECT 'a;\n"),
        ('SELECT 1 AS "a;""b";', ['SELECT 1 AS "a;""b"'], ""),
        ("SELECT $$a;b$$;", ["SELECT $$a;b$$"], ""),
        ("SELECT $t$a;$$;b$t$;", ["SELECT $t$a;$$;b$t$"], ""),
        ("SELECT $t$a;$$;", [], "SELECT $t$a;$$;"),
        ("SELECT 1 -- one; two\n;", ["SELECT 1 -- one; two"], ""),
        ("SELECT 1 -- one;", [], "SELECT 1 -- one;"),
        ("SELECT /* a;\nb */ 1;", ["SELECT /* a;\nb */ 1"], ""),
        ("SELECT /* a;", [], "SELECT /* a;"),
        ("SELECT 5 - 3 / 2, $1;", ["SELECT 5 - 3 / 2, $1"], ""),
    ],
)
def test_a_semicolon_ends_a_statement_unless_it_is_quoted(
    text: str, statements: list[str], rest: str
) -> None:
    assert split(text) == (statements, rest)


def test_the_rest_and_a_further_line_are_cut_as_the_whole_is() -> None:
    text = "SELECT 'a;\nb' AS \"c;\n\"; SELECT 2;\n"
    found, rest = list[str](), ""
    for line in text.splitlines(keepends=True):
        statements, rest = split(rest + line)
        found += statements
    assert (found, rest) == split(text)
