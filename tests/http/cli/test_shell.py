"""`lakehouse shell`: at a terminal and from a pipe, on a bucket and on a server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lake_server import Lake, running_lake
from principals import closed, principal, token
from running_queries import LONG, listed
from terminal import Terminal
from waiting import wait_until

PROMPT = "lakehouse> "
HOSTILE = "\x1b[2J<b>"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with running_lake(tmp_path_factory.mktemp("shell") / "bucket") as lake:
        lake.ingest("name=sales", f"id,who\n1,ana\n2,\n3,{HOSTILE}\n".encode())
        lake.ingest("name=sales&mode=append", b"id,who\n4,bo\n")
        yield lake


@pytest.fixture
def url(lake: Lake) -> str:
    return f"http://127.0.0.1:{lake.port}"


def piped(text: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lakehouse", "shell", *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=120)


def test_a_pipe_runs_every_statement_and_prints_tables(url: str) -> None:
    done = piped("SELECT 1 AS a,\n  NULL AS b; \\d sales\nSELECT 'last' AS c", "--url", url)
    assert done.stderr == ""
    assert [line.split() for line in done.stdout.splitlines()] == [
        *(["a", "b"], ["-", "----"], ["1", "NULL"]),
        *(["name", "type"], ["----", "------"], ["id", "int64"], ["who", "string"]),
        *(["c"], ["----"], ["last"]),
    ]


def test_the_first_refusal_ends_a_pipe_with_its_exit_code(url: str) -> None:
    done = piped("SELECT 1 AS a; SELECT nope FROM sales; SELECT 2 AS b;", "--url", url)
    assert done.returncode == 1
    assert "a\n-\n1\n" in done.stdout
    assert "b\n" not in done.stdout
    assert done.stderr.startswith("sql_error: ")
    assert "Traceback" not in done.stderr


def test_results_are_lines_of_json_if_asked_for(url: str) -> None:
    done = piped("SELECT 1 AS a; SELECT id FROM sales;", "--url", url, "--json", "--limit", "1")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"columns": ["a"], "rows": [[1]], "more": False},
        {"columns": ["id"], "rows": [[1]], "more": True},
    ]
    nothing = piped("\\d none", "--url", url, "--json")
    assert json.loads(nothing.stdout)["rows"] == []
    assert (done.stderr, nothing.stderr) == ("", "")


def test_a_refusal_is_json_if_asked_for(url: str, tmp_path: Path) -> None:
    refused = piped("SELECT nope FROM sales;", "--url", url, "--json")
    nowhere = piped("SELECT 1;", "--bucket", str(tmp_path), "--json")
    away = piped("SELECT 1;", "--url", "http://127.0.0.1:1", "--json")
    for done, code in ((refused, "sql_error"), (nowhere, "lake_not_found"), (away, "unreachable")):
        found = json.loads(done.stderr)
        assert (found["code"], done.stdout) == (code, "")
        assert sorted(found) == ["code", "detail", "errors"]


def test_moments_and_limits_hold_until_they_are_changed(url: str) -> None:
    count = "SELECT count(*) AS n FROM sales;\n"
    text = f"\\as_of 1\n{count}\\as_of\n{count}\\limit 1\nSELECT id FROM sales;\n\\limit x\n"
    done = piped(text, "--url", url)
    assert done.stdout.split() == ["n", "-", "3", "n", "-", "4", "id", "--", "1"]
    assert done.stderr.splitlines()[0] == "as of 1"
    assert "shown: the first 1 row; \\limit 0 prints all" in done.stderr
    assert "\\limit x: no such command, or not with this argument" in done.stderr


def test_the_lake_of_a_bucket_is_asked_without_a_server(tmp_path: Path) -> None:
    bucket = str(tmp_path / "bucket")
    refused = piped("\\d\n", "--bucket", bucket)
    assert refused.returncode == 1
    assert refused.stderr.startswith("lake_not_found: ")
    assert not Path(bucket).exists()
    file = tmp_path / "t.csv"
    file.write_text("a\n1\n")
    command = [sys.executable, "-m", "lakehouse", "ingest", str(file), "--bucket", bucket]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    done = piped("SELECT a FROM t;\n\\d\n", "--bucket", bucket)
    assert done.stdout.startswith("a\n-\n1\n")
    assert "\nt     dataset  1 " in done.stdout


def test_a_person_asks_completes_is_refused_and_leaves(url: str, tmp_path: Path) -> None:
    with Terminal("shell", "--url", url, "--no-pager", home=tmp_path) as terminal:
        terminal.until(PROMPT)
        terminal.type("SELECT who FROM sal\t WHERE id = 3;\n")
        assert "\\x1b[2J<b>" in terminal.until("\n" + PROMPT).replace("\r", "")
        terminal.type("SELECT 1 +\n")
        terminal.until("........ > ")
        terminal.interrupt_until(PROMPT)
        terminal.type("SELECT nope;\n")
        terminal.until("sql_error: ")
        terminal.until(PROMPT)
        terminal.type("\\q\n")
        assert terminal.ended() == 0
    history = tmp_path / "lakehouse" / "history"
    assert "SELECT who FROM sales" in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600


def test_ctrl_c_cancels_the_statement_and_not_the_shell(
    lake: Lake, url: str, tmp_path: Path
) -> None:
    with Terminal("shell", "--url", url, home=tmp_path) as terminal:
        terminal.until(PROMPT)
        terminal.type(f"{LONG};\n")
        wait_until(lambda: len(listed(lake)) == 1)
        terminal.type("\x03")
        terminal.until("\n" + PROMPT)
        wait_until(lambda: listed(lake) == {})
        terminal.type("SELECT 6 * 7 AS n;\n")
        assert "42" in terminal.until(PROMPT)
        terminal.type("\x04")
        assert terminal.ended() == 0


def test_a_token_is_read_from_a_file(tmp_path: Path) -> None:
    with running_lake(tmp_path / "bucket") as lake:
        lake.ingest("name=sales", b"id\n1\n")
        lake.token = closed(lake)
        url = f"http://127.0.0.1:{lake.port}"
        refused = piped("SELECT 1;", "--url", url)
        assert (refused.returncode, refused.stderr.partition(":")[0]) == (1, "unauthenticated")
        file = tmp_path / "token"
        principal(lake, "bo")
        file.write_text(token(lake, "bo"))
        file.chmod(0o600)
        done = piped("\\d\nSELECT 1 AS one;", "--url", url, "--token-file", str(file))
        assert done.stdout.split()[-3:] == ["one", "---", "1"]
        assert "sales" not in done.stdout
        usage = piped("", "--token-file", str(file))
        assert usage.returncode == 2
