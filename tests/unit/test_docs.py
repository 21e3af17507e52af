"""Documents that cannot rot: what the code offers is what they name."""

import argparse
import re
from pathlib import Path

from lakehouse.cli.parsing.parser import build
from lakehouse.config import Settings
from lakehouse.system.view_table import SYSTEM_VIEWS, AuditSource, LogSource
from lakehouse.web.console_routes import CONSOLE_ROUTES
from lakehouse.web.routes import ROUTES

ROOT = Path(__file__).parents[2]
FOLDERS = ("journal", "projections", "lakehouse", "ops", "tests")


def rows(document: str) -> list[str]:
    """The first cell of each row of a document's tables."""
    lines = (ROOT / document).read_text().splitlines()
    return [line.split("|")[1].strip().strip("`") for line in lines if line.startswith("| `")]


def commands(parser: argparse.ArgumentParser, before: str = "") -> list[str]:
    """Full names of all commands, deepest only."""
    found: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                found += commands(command, f"{before}{name} ") or [f"{before}{name}"]
    return found


def unexplained(parser: argparse.ArgumentParser) -> list[str]:
    """Words of a command, and of those below it, that `--help` says nothing of."""
    found: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += [each for command in action.choices.values() for each in unexplained(command)]
        elif not action.help:
            found.append(f"{parser.prog}: {action.option_strings or action.dest}")
    return found


def test_each_word_of_a_command_is_explained_by_its_help() -> None:
    assert unexplained(build()) == []


def test_each_route_is_documented_and_nothing_else() -> None:
    routes = [*ROUTES, *CONSOLE_ROUTES]
    assert rows("lakehouse/web/ROUTES.md") == [f"{route.method} {route.path}" for route in routes]


def test_each_system_view_is_documented_with_its_columns_and_nothing_else() -> None:
    described = re.findall(r"^- `lake\.(\w+)`: `([^`]+)`", section("System views"), re.MULTILINE)
    columns = {view.name: ", ".join(view.columns.names) for view in SYSTEM_VIEWS.values()}
    assert dict(described) == columns
    assert len(described) == len(columns)


def test_what_is_special_about_system_views_is_documented() -> None:
    cache = next(
        part for part in section("Results of SQL").split("\n\n") if part.startswith("**Cache.**")
    )
    logs = section("System views").splitlines()[1]
    assert {*re.findall(r"`lake\.(\w+)`", cache)} == {
        view.name for view in SYSTEM_VIEWS.values() if not view.cacheable
    }
    assert {*re.findall(r"`lake\.(\w+)`", logs)} == {
        view.name
        for view in SYSTEM_VIEWS.values()
        if isinstance(view.source, AuditSource | LogSource)
    }


def section(title: str) -> str:
    """The section of ROUTES.md with this title."""
    document = (ROOT / "lakehouse/web/ROUTES.md").read_text()
    found = [part for part in document.split("\n## ") if part.startswith(f"{title}\n")]
    assert len(found) == 1, title
    return found[0]


def test_each_setting_is_documented_and_nothing_else() -> None:
    assert rows("lakehouse/SETTINGS.md") == list(Settings.__struct_fields__)


def test_each_command_is_documented_and_nothing_else() -> None:
    assert rows("lakehouse/cli/COMMANDS.md") == commands(build())


DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + [
    path for top in FOLDERS for path in sorted((ROOT / top).rglob("*.md"))
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(rf"`((?:{'|'.join(FOLDERS)})/[\w/.-]+\.(?:py|md|yml|toml|sh|csv))`")


def test_each_relative_link_leads_to_a_file() -> None:
    links = [
        (path, link.partition("#")[0])
        for path in DOCUMENTS
        for link in LINK.findall(path.read_text())
        if "://" not in link and not link.startswith("#")
    ]
    assert len(links) > 40
    assert [(str(path), link) for path, link in links if not (path.parent / link).exists()] == []


def test_each_file_that_a_document_names_exists() -> None:
    named = [(path, name) for path in DOCUMENTS for name in NAMED_FILE.findall(path.read_text())]
    assert len(named) > 40
    assert [(str(path), name) for path, name in named if not (ROOT / name).exists()] == []


def test_each_test_file_has_a_name_of_its_own() -> None:
    """pytest imports them by their base names: two alike stop a run of all tests."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    modules = [name for name in names if name not in ("__init__.py", "__main__.py")]
    assert sorted(modules) == sorted(set(modules))
