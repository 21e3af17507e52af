"""The recipes of lakehouse/flight/README.md, run as they stand there, against a server of this test."""

import re
from pathlib import Path

import pytest
from lake_server import Lake

README = Path(__file__).parents[2] / "lakehouse" / "flight" / "README.md"
RECIPES = re.findall(
    r"^### (.+?)\n.*?```python\n(.*?)```", README.read_text(), re.DOTALL | re.MULTILINE
)


def test_there_are_recipes() -> None:
    assert [name for name, _ in RECIPES] == ["Arrow", "pandas", "polars", "The past"]


@pytest.mark.parametrize(("name", "code"), RECIPES, ids=[name for name, _ in RECIPES])
def test_a_recipe_runs(lake: Lake, name: str, code: str) -> None:
    uri = f"grpc://127.0.0.1:{lake.flight_port}"
    assert "grpc://127.0.0.1:3111" in code
    found: dict[str, object] = {}
    exec(compile(code.replace("grpc://127.0.0.1:3111", uri), name, "exec"), found)
    assert found["rows"] == 2
