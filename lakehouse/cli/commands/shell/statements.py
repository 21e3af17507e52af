"""Cuts what is typed into statements at the semicolons between them. Pure."""

import re

_TOKEN = re.compile(
    r"""
      '(?:[^']|'')*'            # text
    | "(?:[^"]|"")*"            # a quoted name
    | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$   # text between dollars
    | --[^\n]*(?:\n|\Z)         # a comment
    | /\*.*?\*/                 # a comment of several lines
    | (?P<open>'|"|\$\w*\$|/\*) # one of these that has no end yet
    | (?P<end>;)
    | [^'"$/;-]+ | .
    """,
    re.VERBOSE | re.DOTALL,
)


def split(text: str) -> tuple[list[str], str]:
    """The statements that a semicolon ends, without it, and the rest, which is not complete.

    Empty statements are left out. Semicolons in text, quoted names and comments do not end a
    statement.
    """
    found, begin = list[str](), 0
    for token in _TOKEN.finditer(text):
        if token["open"] is not None:
            break
        if token["end"] is not None:
            found.append(text[begin : token.start()].strip())
            begin = token.end()
    return [each for each in found if each], text[begin:]
