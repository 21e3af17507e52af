"""The dbt project of the client's recipes, as it stands there, run against a lake."""

import os
import re
import subprocess
from pathlib import Path

import lakehouse
import lakehouse.client

PAGE = Path(lakehouse.client.__file__).with_name("RECIPES.md")
URL = "http://127.0.0.1:3110"


def main(python: Path, url: str, directory: Path) -> str:
    """Runs `dbt run`. Raises AssertionError where the lake has not what the model says."""
    section = PAGE.read_text().partition("\n## dbt\n")[2].partition("\n## ")[0]
    files = re.findall(r"^`([\w./]+)`\n```\w+\n(.*?)```", section, re.DOTALL | re.MULTILINE)
    assert len(files) == 5 and URL in section
    for name, content in files:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content.replace(URL, url))
    (directory / "target").mkdir()
    command = [str(python.with_name("dbt")), "run", "--profiles-dir", ".", "--quiet"]
    environ = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    with lakehouse.connect(url) as lake:
        done = subprocess.run(
            command, cwd=directory, env=environ, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        rows = lake.sql("SELECT item, total FROM items ORDER BY item").rows()
        assert rows == [("jam", 4.0), ("tea", 5.0)], rows
        reasons = [each.reason for each in lake.dataset("items").history()]
        assert reasons == ["dbt"], reasons
    return "a source of the lake, a model as a dataset"
