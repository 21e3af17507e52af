"""The README's page "Share it with your team in five minutes", followed word by word.

Only the name of the server and its port are other ones: a test has no name in the DNS.
"""

import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
from process import CHECKOUT, clean_environment
from rehearsal import Step, play, sections
from s3_server import free_ports

PAGE = "Share it with your team in five minutes"
NAME, PORT = "lake.example.com", "3110"
LAST = "kill $!; wait $!"
WHOLE_S = 300.0
"""One shell runs the page's twenty commands."""


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("openssl") is None,
    reason="the page's lines are for curl and openssl",
)
def test_the_page_can_be_followed(tmp_path: Path) -> None:
    port = str(free_ports(1))
    text = (CHECKOUT / "README.md").read_text().replace(NAME, "localhost")
    steps = [*chain.from_iterable(sections(text.replace(PORT, port))[PAGE])]
    assert len(steps) > 15
    bin_ = tmp_path / ".venv" / "bin"
    bin_.mkdir(parents=True)
    command = f'#!/bin/sh\nexec "{sys.executable}" -m lakehouse "$@"\n'
    (bin_ / "lakehouse").write_text(command)
    (bin_ / "lakehouse").chmod(0o755)
    sample = CHECKOUT / "ops" / "demo" / "airports.csv"
    ingest = [bin_ / "lakehouse", "ingest", sample, "--types", "lat:double,lon:double"]
    subprocess.run(ingest, cwd=tmp_path, env=clean_environment(), check=True, capture_output=True)
    try:
        play([*steps, Step(LAST, [])], tmp_path, clean_environment(), WHOLE_S)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{(tmp_path / 'serve.log').read_text()}") from error
    assert oct((tmp_path / "bo.token").stat().st_mode)[-3:] == "600"
