"""The scripts that pages show as their equivalents run, and return what the page is about."""

import html
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from console_client import Browsing
from console_pages import PAGES, fill
from lake_server import Lake, running_lake
from principals import closed

REFUSED = ("error", "sql-error", "rows-wrong", "undo-refused")
"""Pages of what cannot be answered."""
CHANGING = ("upload", "restore", "mask", "mask-none")
"""Pages whose script would change something."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("equivalents") / "bucket") as lake:
        fill(lake)
        yield lake


def script(browsing: Browsing, path: str) -> str:
    """The Python that a page shows."""
    page = browsing.get(path).body.decode()
    found = re.search(r'aria-label="Python"><code>(.*?)</code>', page, re.DOTALL)
    assert found, path
    return html.unescape(found[1])


def printed(source: str) -> str:
    output = StringIO()
    with redirect_stdout(output):
        exec(source, {})  # a script that the console has written
    return output.getvalue()


def test_every_script_runs(own: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    browsing = Browsing(own.port)
    for name in PAGES.keys() - {*REFUSED, *CHANGING}:
        page = browsing.get(PAGES[name].path)
        if b'id="equivalents"' in page.body:
            assert printed(script(browsing, PAGES[name].path)).strip(), name
    monkeypatch.chdir(tmp_path)
    Path("sales.csv").write_text("id,price,day\n1,1.5,2026-11-30\n")
    for name in ("upload", "restore"):
        before = own.ask("GET", "/v1/journal/head").json["seq"]
        printed(script(browsing, PAGES[name].path))
        assert own.ask("GET", "/v1/journal/head").json["seq"] == before + 1, name


def test_a_script_has_the_token_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_lake(tmp_path / "bucket") as lake:
        lake.token = closed(lake)
        monkeypatch.setenv("LAKEHOUSE_TOKEN", lake.token)
        browsing = Browsing(lake.port)
        browsing.sign_in(lake.token)
        for path in ("/console/access", "/console/principal/ana", "/console/datasets"):
            source = script(browsing, path)
            assert lake.token not in source
            printed(source)
