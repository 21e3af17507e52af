"""The upload page says hints of the API in the names of its fields."""

import re
from pathlib import Path

import lakehouse.console
from lakehouse.domain.errors import CODES

SCRIPT = Path(lakehouse.console.__file__).parent / "assets" / "upload.js"


def test_what_the_page_replaces_stands_in_a_hint() -> None:
    script = SCRIPT.read_text()
    body = script[script.index("function inFieldNames") : script.index("function explanation")]
    replaced = re.findall(r'\.replace\("([^"]+)"', body)
    assert len(replaced) >= 3
    hints = [code.hint for code in CODES.values()]
    assert [each for each in replaced if not any(each in hint for hint in hints)] == []
