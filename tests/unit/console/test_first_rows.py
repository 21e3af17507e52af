"""The first rows of a result, whatever pieces its document comes in."""

import json
from collections.abc import AsyncIterator

import pytest

from lakehouse.console.first_rows import beginning

ROWS = [
    ["12345678901234567890", None, "", '"],"rows":[', "ä😀"],
    ['[1,{"a":"]"}]', "1.50", "true", "\\", "x"],
    ["3", None, "", "", ""],
]
DOCUMENT = (
    '{"columns":[{"name":"\\"],\\"rows\\":[","type":"BIGINT"}],"rows":['
    '[12345678901234567890,null,"","\\"],\\"rows\\":[","ä😀"],'
    '[[1,{"a":"]"}],1.50,true,"\\\\","x"],[3,null,"","",""]],"row_count":3}'
)


async def pieces(size_bytes: int) -> AsyncIterator[bytes]:
    data = DOCUMENT.encode()
    for at in range(0, len(data), size_bytes):
        yield data[at : at + size_bytes]


@pytest.mark.parametrize("size_bytes", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("most", [1, 2, 3, 4])
async def test_rows_are_read_from_any_pieces(size_bytes: int, most: int) -> None:
    columns, rows, more = await beginning(pieces(size_bytes), most)
    assert [(each.name, each.type) for each in columns] == [('"],"rows":[', "BIGINT")]
    assert rows == ROWS[:most]
    assert more == (most < len(ROWS))


async def test_a_result_without_rows_has_its_columns() -> None:
    async def empty() -> AsyncIterator[bytes]:
        yield b'{"columns":[{"name":"a","type":"DATE"}],"rows":[],"row_count":0}'

    columns, rows, more = await beginning(empty(), 5)
    assert ([each.name for each in columns], rows, more) == (["a"], [], False)


async def test_a_row_that_is_too_large_ends_the_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakehouse.console.first_rows.MAX_CHARACTERS", 200)
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        yield b'{"columns":[{"name":"a","type":"VARCHAR"}],"rows":[["x"],["'
        while True:
            read += 1
            yield json.dumps("y" * 50).encode()[1:-1]

    _, rows, more = await beginning(endless(), 5)
    assert (rows, more) == ([["x"]], True)
    assert read < 10
