"""The recipe for Ibis of the client's page, as it stands there: `python ibis_recipe.py URL`."""

import re
import sys
from pathlib import Path

import lakehouse.client

PAGE = Path(lakehouse.client.__file__).with_name("RECIPES.md")
URL = "http://127.0.0.1:3110"


def main(url: str) -> None:
    """Raises AssertionError where the lake answers anything else."""
    section = PAGE.read_text().partition("\n## Ibis\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert URL in code
    found: dict[str, object] = {}
    exec(compile(code.replace(URL, url), str(PAGE), "exec"), found)
    expected = [{"item": "jam", "total": 4.0}, {"item": "tea", "total": 5.0}]
    assert found["rows"] == expected, found["rows"]


if __name__ == "__main__":
    main(*sys.argv[1:])
    print("a statement of Ibis, run by the lake")
