"""The examples of the client's page, run in the order in which they stand there."""

import re
from pathlib import Path

import pytest

import lakehouse.client

PAGE = Path(lakehouse.client.__file__).with_name("README.md")


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(examples) >= 10
    names: dict[str, object] = {}
    for example in examples:
        exec(compile(example, str(PAGE), "exec"), names)
