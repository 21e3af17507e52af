"""ops/deploy/OPERATIONS.md: the commands of each page, run as they stand."""

from pathlib import Path

import pytest
from process import CHECKOUT
from rehearsal import play, sections
from s3_server import free_ports
from test_runbook import Scene

PAGES = sections((CHECKOUT / "ops" / "deploy" / "OPERATIONS.md").read_text())


@pytest.fixture
def scene(tmp_path: Path, lake_of_five: Path) -> Scene:
    """A copy of the lake, its recorded head, and its backup at the place that a page names."""
    scene = Scene(tmp_path, lake_of_five)
    scene.environ |= {"NEXT": str(free_ports(1)), "LAKEHOUSE_LOG_LEVEL": "info"}
    scene.record()
    return scene


@pytest.fixture(scope="module")
def lake_of_five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    first = Scene(tmp_path_factory.mktemp("lake"))
    for name in ("people", "others2", "others3", "others4", "others5"):
        first.run("ingest", "people.csv", "--name", name)
    return first.bucket


@pytest.mark.parametrize("title", PAGES)
def test_a_page_can_be_followed(scene: Scene, title: str) -> None:
    if title == "Restore":
        scene.copy.rename(scene.directory / "backup")
    for block in PAGES[title]:
        play(block, scene.directory, scene.environ)


def test_each_page_has_commands() -> None:
    assert all(PAGES.values())
    assert PAGES.keys() >= {"Upgrade", "Downgrade", "Backup", "Restore", "Behind a proxy"}
    assert len([title for title in PAGES if title.startswith("Rotating")]) == 3
