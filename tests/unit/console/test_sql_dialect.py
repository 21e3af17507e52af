"""What the editor knows of SQL is what the server allows."""

import re
from pathlib import Path

import lakehouse.console
from lakehouse.console.pages.sql import MODULES
from lakehouse.query.policy.functions import PARSED, SCALAR, TABLE, VOLATILE, WINDOW

ASSETS = Path(lakehouse.console.__file__).parent / "assets"


def test_the_editor_completes_the_functions_that_a_statement_may_call() -> None:
    text = (ASSETS / "sql-dialect.js").read_text()
    listed = re.search(r"FUNCTIONS = `([^`]*)`", text)
    assert listed is not None
    allowed = SCALAR | VOLATILE | PARSED | WINDOW | TABLE
    names = {name for name in allowed if re.fullmatch(r"[a-z][a-z0-9_]*", name)}
    assert set(listed[1].split()) == names


def test_each_module_that_is_imported_is_in_the_import_map() -> None:
    for name in MODULES:
        imported = re.findall(r'from "console/([^"]+)"', (ASSETS / name).read_text())
        assert set(imported) <= set(MODULES), name
