"""What the command line loads before it knows its command, and that its help is whole and plain."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import CommandLine

from lakehouse.cli import hints
from lakehouse.cli.main import MODULES
from lakehouse.cli.parsing import ingest as ingest_parser
from lakehouse.cli.parsing import maintenance as maintenance_parser
from lakehouse.cli.parsing import parser
from lakehouse.domain.errors import CODES
from lakehouse.formats.file_formats import FILE_FORMATS
from lakehouse.query.render.formats import FORMATS

SLOW = {
    "aioboto3", "aiohttp", "asyncio", "botocore", "duckdb", "pyarrow", "rich", "shtab", "structlog",
}  # fmt: skip
OWN_MODULES = 34
"""More of our own than these and the start-up has grown a second purpose."""
OF_A_SERVER = (
    *("aiohttp", "duckdb", "pyarrow", "botocore", "cryptography", "fastavro", "rich", "structlog"),
    *(
        "lakehouse.wiring",
        "lakehouse.service.service",
        "lakehouse.commit",
        "lakehouse.query.engine",
    ),
    *("lakehouse.web", "projections.fold"),
)
"""What a command that asks a server must not load."""
HTTP_ONLY = {"method_not_allowed", "method_not_supported", "query_not_found", "key_exists"}
"""Codes that no command can end with."""
LISTING = """
import json, sys
from lakehouse.cli.main import main
try:
    main(sys.argv[1:])
finally:
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words",
    [("--version",), ("--help",), ("sql", "--help"), ("nonsense",), ("show",)],
    ids=" ".join,
)
def test_help_and_wrong_arguments_load_no_engine(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", LISTING, *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    loaded = json.loads(ended.stderr.splitlines()[-1])
    assert SLOW & set(loaded) == set()
    own = [name for name in loaded if name.split(".")[0] in ("lakehouse", "journal", "projections")]
    assert len(own) <= OWN_MODULES, own


@pytest.mark.parametrize(
    "words",
    [
        ("datasets",), ("sql", "SELECT 1"), ("journal", "head"), ("audit", "entries"), ("mcp",),
        ("ingest", "pyproject.toml", "--name", "t"), ("quarantine", "t"), ("access", "me"), ("shell",),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_that_asks_a_server_loads_the_client_alone(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", LISTING, *words, "--url", "http://127.0.0.1:9"]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, input="SELECT 1;\n"
    )
    loaded = json.loads(ended.stderr.splitlines()[-1])
    assert {"lakehouse.client.http", "urllib3"} <= {*loaded}, ended.stderr
    assert [name for name in loaded if name.startswith(OF_A_SERVER)] == []


def test_structlog_is_loaded_without_rich_which_stays_importable() -> None:
    """For tracebacks in colour, which our logs do not have."""
    code = (
        "import sys; from lakehouse.process.imports import import_structlog; import_structlog(); "
        "assert 'structlog' in sys.modules and 'rich' not in sys.modules; import rich.console"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_serve_is_no_command_that_asks_a_server(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    environ = os.environ | {"LAKEHOUSE_URL": "http://127.0.0.1:9", "LAKEHOUSE_BUCKET": "file"}
    command = [sys.executable, "-m", "lakehouse", "serve", "--port", "0"]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environ
    )
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("lakehouse: ")


def test_the_parser_names_the_formats_that_there_are() -> None:
    assert tuple(FILE_FORMATS) == ingest_parser.FILE_FORMATS
    assert ("table", *FORMATS) == parser.RESULT_FORMATS


def test_every_command_has_a_module(lakehouse: CommandLine) -> None:
    for name in MODULES:
        assert "usage: lakehouse " + name in _help(lakehouse, *name.split())


def _help(lakehouse: CommandLine, *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        lakehouse(*words, "--help")
    assert ended.value.code == 0
    return lakehouse.read()


@pytest.mark.parametrize("code", sorted(CODES.keys() - HTTP_ONLY))
def test_hints_on_the_command_line_are_about_commands(code: str) -> None:
    text = hints.hint(code)
    about_http = re.search(
        r"/v1|OpenAPI|[Hh]eader [A-Z]|Retry-After|HTTP|\b(GET|PUT|POST|DELETE)\b|If-", text
    )
    assert about_http is None, text


def test_no_hint_is_for_a_code_that_is_gone() -> None:
    assert hints._HINTS.keys() <= CODES.keys()


def test_verify_does_not_advise_to_run_verify(emptied: CommandLine) -> None:
    slot = Path("bucket/_journal/slots") / f"{1:020d}.ndjson"
    slot.write_bytes(slot.read_bytes().replace(b'"first"', b'"fjrst"', 1))
    assert "journal verify" not in emptied("journal", "verify", code=4)


@pytest.mark.parametrize("shell", maintenance_parser.SHELLS)
def test_a_completion_script_names_the_commands_and_options(
    lakehouse: CommandLine, shell: str
) -> None:
    script = lakehouse("completion", shell)
    for word in ("quarantine", "raise-format", "dry-run", "idempotency-key"):
        assert word in script


def test_bash_completes_commands_options_and_values(lakehouse: CommandLine) -> None:
    Path("complete.bash").write_text(lakehouse("completion", "bash"))
    assert _completed("lakehouse jour") == ["journal"]
    assert _completed("lakehouse journal ver") == ["verify"]
    assert _completed("lakehouse ingest --mode a") == ["append"]
    assert _completed("lakehouse ingest --dry") == ["--dry-run"]


def _completed(line: str) -> list[str]:
    """What bash offers after `line`."""
    script = (
        f"source complete.bash; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
        f"COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; "
        '"$(complete -p lakehouse | sed "s/.*-F \\([^ ]*\\).*/\\1/")"; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    shell = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return [word.strip() for word in shell.stdout.split()]
