"""Doors (HTTP, command line) call use cases, and use cases know who calls: read from the source."""

import ast
import inspect
import textwrap
from pathlib import Path

import pytest
from test_layers import imported, sources

from lakehouse.service.access.tokens import Tokens
from lakehouse.service.access.use_case import Access
from lakehouse.service.administration import Administration
from lakehouse.service.audit.use_case import Audit
from lakehouse.service.catalog.change_sets import ChangeSets
from lakehouse.service.catalog.profiles import Profiles
from lakehouse.service.catalog.use_case import Catalog
from lakehouse.service.catalog.views import Views
from lakehouse.service.compaction.use_case import Compaction
from lakehouse.service.derivation.use_case import Derivations
from lakehouse.service.erasure.use_case import Erasure
from lakehouse.service.gc.use_case import Gc
from lakehouse.service.history.feed import Feed
from lakehouse.service.history.journal import JournalReads
from lakehouse.service.history.time_travel import TimeTravel
from lakehouse.service.iceberg.appends import IcebergAppends
from lakehouse.service.iceberg.use_case import IcebergCatalog
from lakehouse.service.ingest.quarantine import Quarantine
from lakehouse.service.ingest.use_case import Ingest
from lakehouse.service.provenance.use_case import Provenance
from lakehouse.service.rows.use_case import Rows
from lakehouse.service.service import Service
from lakehouse.service.sources.use_case import Sources
from lakehouse.service.sql.use_case import Sql
from lakehouse.service.sql.vectors import Vectors
from lakehouse.service.status import Status
from lakehouse.service.storage import Storage
from lakehouse.service.stores.copying import Copying
from lakehouse.service.stores.use_case import StoreCatalog
from lakehouse.service.streaming.use_case import Streams
from lakehouse.service.upkeep.use_case import Upkeep

USE_CASES = (
    Administration, Audit, Catalog, ChangeSets, Derivations, Erasure, Feed, Gc, Ingest, JournalReads,
    Provenance, Quarantine, Rows, Sql, Status, Storage, TimeTravel, Views, Profiles, Access, Tokens,
    Compaction, IcebergCatalog, IcebergAppends, Upkeep, StoreCatalog, Copying, Streams, Vectors,
    Sources,
)  # fmt: skip
WITHOUT_CALLER = {
    "close", "wait_for", "command", "record", "read_refusal", "dead", "hides",
}  # fmt: skip
"""The end of the process, waiting for an event before anything is read, reading a request, and the
door's own audit, what gc asks the Iceberg catalog."""
WEB_USES = (
    "lakehouse.api",
    "lakehouse.service",
    "lakehouse.web",
    "lakehouse.console",
    "lakehouse.mcp",
    "lakehouse.formats",
)
WEB_USES_TOO = {
    "lakehouse.domain.error_codes.code", "lakehouse.domain.errors", "lakehouse.domain.validation",
    "lakehouse.domain.counts", "lakehouse.query.render.formats",
    "lakehouse.tracing", "lakehouse.roles", "lakehouse.domain.access.rights", "lakehouse.system.view_table",
}  # fmt: skip
"""Tables and checks of words. Nothing here reaches a journal, a bucket or a process."""
BELOW = ("lakehouse.commit.node", "lakehouse.commit.writer", "lakehouse.service.changes")
PRIVATE = {"node", "pool", "spool_dir", "limits", "objects", "follower", "writer"}
DOORS = [
    path
    for door in ("web", "console", "mcp", "flight", "cli")
    for path in sources(f"lakehouse/{door}")
]


@pytest.mark.parametrize(
    "path",
    [*sources("lakehouse/web"), *sources("lakehouse/console")],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_http_imports_use_cases_and_what_they_speak_of(path: Path) -> None:
    ours = {name for name in imported(path) if name.startswith(("lakehouse.", "projections"))}
    modules = {name for name in ours if not name.startswith(WEB_USES)}
    assert {name for name in modules if not name.startswith(tuple(WEB_USES_TOO))} == set()
    journal = {name for name in imported(path) if name.startswith("journal")}
    assert journal <= {
        "journal.bucket.keys",
        "journal.bucket.keys.is_reserved",
        "journal.clock",
        "journal.clock.Clock",
        "journal.events",
        "journal.events.TYPES",
    }


@pytest.mark.parametrize("path", DOORS, ids=lambda path: path.name)
def test_doors_use_nothing_below_the_service(path: Path) -> None:
    assert not [name for name in imported(path) if name.startswith(BELOW)]
    reached = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name | ast.Attribute)
        and ast.unparse(node.value).endswith("service")
    }
    assert not {name for name in reached if name in PRIVATE or name.startswith("_")}


@pytest.mark.parametrize("use_cases", USE_CASES)
def test_each_use_case_takes_its_caller_first(use_cases: type) -> None:
    for name, method in inspect.getmembers(use_cases, inspect.isfunction):
        if name.startswith("_") or name in WITHOUT_CALLER:
            continue
        _, *parameters = inspect.signature(method).parameters
        assert parameters[:1] == ["caller"], f"{use_cases.__name__}.{name}"


def test_each_subject_of_the_service_is_among_them() -> None:
    body = ast.parse(textwrap.dedent(inspect.getsource(Service)))
    made = {
        ast.unparse(node.value.func)
        for node in ast.walk(body)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.targets[0]).startswith("self.")
        and not ast.unparse(node.targets[0]).startswith("self._")
    }
    others = {"Metrics", "Authentication", "Quotas", "SecretKey"}
    assert made - others == {each.__name__ for each in USE_CASES} - {"Tokens"}
