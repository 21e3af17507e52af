"""Names of columns in one text, separated by commas; a name in double quotes may hold commas. Pure."""

import re
from collections.abc import Iterable

from lakehouse.domain.errors import Refused, RefusedError

_ENTRY = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*|([^,]*))(?:,|\Z)')


def split_columns(text: str) -> tuple[str, ...]:
    """The names in `id,"a, b"`; `""` in quotes is one quote. Raises RefusedError `invalid_request`."""
    names: list[str] = []
    position, is_open = 0, True
    while is_open:
        match = _ENTRY.match(text, position)
        if match is None or (match[2] or "").startswith('"'):
            detail = f"key {text[position:]}: a quoted name must end with a quote before the comma"
            raise RefusedError(Refused("invalid_request", detail))
        names.append(match[2].strip() if match[1] is None else match[1].replace('""', '"'))
        position, is_open = match.end(), match[0].endswith(",")
    return tuple(names)


def join_columns(names: Iterable[str]) -> str:
    """The text that `split_columns` reads as these names."""
    return ",".join(map(_quoted, names))


def _quoted(name: str) -> str:
    if name == name.strip() and not set(name) & {",", '"'}:
        return name
    return '"' + name.replace('"', '""') + '"'
