"""The files that a browser is sent: recorded, small, and cached for ever by their hash."""

import gzip
import hashlib
import re
from pathlib import Path

from lake_server import Lake

from lakehouse.console.assets import assets

FOLDER = Path(__file__).parents[2] / "lakehouse/console/assets"
SCRIPTS_BYTES = 350_000
"""All scripts together, compressed."""


def test_each_asset_is_recorded_with_its_hash_and_nothing_else() -> None:
    document = (FOLDER / "ASSETS.md").read_text()
    others = re.findall(r"^\| `([^`]+)` \|.* `([0-9a-f]{64})` \|$", document, re.MULTILINE)
    named = re.findall(r"^\| `([^`]+)` \|", document, re.MULTILINE)
    assert sorted(named) == sorted(assets())
    assert dict(others) == {name: assets()[name].sha256 for name, _ in others}


def test_axe_is_what_its_page_says() -> None:
    folder = Path(__file__).parent / "axe"
    digest = hashlib.sha256((folder / "axe.min.js").read_bytes()).hexdigest()
    assert digest in (folder / "README.md").read_text()


def test_all_scripts_together_are_small() -> None:
    scripts = [each.body for each in assets().values() if each.name.endswith(".js")]
    assert sum(len(gzip.compress(body)) for body in scripts) <= SCRIPTS_BYTES


def test_an_asset_is_cached_for_ever_by_its_hash(lake: Lake) -> None:
    for each in assets().values():
        answer = lake.ask("GET", each.url)
        assert (answer.status, answer.body) == (200, each.body)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_no_other_file_and_no_other_hash_is_served(lake: Lake) -> None:
    right = assets()["console.js"].url
    wrong = right.replace("/assets/", "/assets/0")
    for path in (wrong, f"{right}x", "/console/assets/../page.py", "/console/assets/ASSETS.md"):
        assert lake.ask("GET", path).status == 404, path


def test_an_asset_is_compressed_for_who_takes_it(lake: Lake) -> None:
    found = assets()["htmx.min.js"]
    answer = lake.ask("GET", found.url, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body) == found.body
