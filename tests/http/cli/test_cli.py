"""The command line: its words, its exit codes, and what it lets a terminal see."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest
from command_line import CommandLine, csv

pytestmark = pytest.mark.usefixtures("elsewhere")
SECRET = "s3cr3t-v4lue"


def test_a_first_session(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("zip,n\n00501,1\n10001,2\n"), "--name", "zips")
    assert "00501" in lakehouse("sql", "SELECT * FROM zips ORDER BY zip")
    assert "zips" in lakehouse("datasets")
    assert "string" in lakehouse("show", "zips")
    lakehouse("drop", "zips", "--reason", "tidy")
    assert "dataset_dropped" in lakehouse("history", "zips")
    assert "seq: 2" in lakehouse("journal", "head")
    assert len(lakehouse("journal", "events").splitlines()) == 2
    assert "verified: True" in lakehouse("journal", "verify")
    assert "state_root" in lakehouse("journal", "replay")


def test_json_is_json_everywhere(lakehouse: CommandLine) -> None:
    receipt = json.loads(lakehouse("ingest", csv("a\n1\n"), "--name", "t", "--json"))
    assert (receipt["name"], receipt["seq"], receipt["reused"]) == ("t", 1, False)
    answer = json.loads(lakehouse("sql", "SELECT * FROM t", "--json"))
    assert (answer["rows"], answer["row_count"]) == ([[1]], 1)
    assert json.loads(lakehouse("sql", "SELECT * FROM t", "--format", "json")) == answer
    assert json.loads(lakehouse("show", "t", "--json"))["name"] == "t"
    assert [json.loads(line)["name"] for line in lakehouse("datasets", "--json").splitlines()] == [
        "t"
    ]
    for words in (("history", "t"), ("journal", "events")):
        lines = lakehouse(*words, "--json").splitlines()
        assert [json.loads(line)["seq"] for line in lines] == [1]
    head = json.loads(lakehouse("journal", "head", "--json"))
    assert head.keys() == {"seq", "slot", "sha256", "at"}
    assert json.loads(lakehouse("journal", "verify", "--json"))["seq"] == 1
    assert len(json.loads(lakehouse("journal", "replay", "--json"))["state_root"]) == 64
    assert json.loads(lakehouse("drop", "t", "--json"))["seq"] == 2
    error = json.loads(lakehouse("show", "t", "--json", code=1))
    assert error["code"] == "dataset_not_found"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "nobody"), "dataset_not_found"),
        (("drop", "nobody"), "dataset_not_found"),
        (("history", "nobody"), "dataset_not_found"),
        (("show", "1bad"), "invalid_name"),
        (("sql", "SELEC 1"), "sql_error"),
        (("sql", "DROP TABLE t"), "statement_not_allowed"),
        (("sql", "SELECT 1", "--as-of", "5"), "as_of_in_future"),
        (("ingest", "absent.csv", "--name", "t"), "missing_file"),
        (("ingest", "/dev/null", "--name", "t"), "empty_csv"),
        (("ingest", "/dev/null", "--name", "1t"), "invalid_name"),
        (("ingest", "/dev/null", "--name", "t", "--types", "x"), "invalid_request"),
    ],
)
def test_a_refusal_ends_with_1(emptied: CommandLine, words: tuple[str, ...], code: str) -> None:
    assert code in emptied(*words, code=1)
    assert json.loads(emptied(*words, "--json", code=1))["code"] == code


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nonsense",),
        ("show",),
        ("show", "a", "b"),
        ("ingest",),
        ("ingest", "f", "--name", "t", "--mode", "upsert"),
        ("sql",),
        ("journal",),
        ("journal", "nonsense"),
        ("journal", "events", "--limit", "x"),
        ("journal", "events", "--after", "-1"),
        ("datasets", "--nonsense"),
        ("gc", "--older-than", "x"),
        ("sql", "SELECT 1", "--as-of", "x"),
        ("restore", "t", "--as-of", "2026-13-01"),
        ("diff", "--from", "yesterday"),
        ("pin", "t@x"),
        ("serve", "--port", "70000"),
        ("serve", "--port", "x"),
        ("serve", "--host", "0.0.0.0"),
        ("erase", "t", "--where", "a = 1"),
        ("erase", "t", "--where", "a = 1", "--reason", " "),
        ("update", "t", "--where", "a = 1", "--set", "a"),
        ("update", "t", "--where", "a = 1", "--set", "a=1", "--set", "a=2"),
        ("datasets", "--config", "absent.toml"),
        ("datasets", "--bucket", "ftp://x"),
        ("datasets", "--bucket", ""),
        ("datasets", "--bucket", "s3://"),
        ("datasets", "--bucket", "s3://bucket", "--secrets-file", "absent"),
    ],
)
def test_wrong_words_end_with_2(lakehouse: CommandLine, words: tuple[str, ...]) -> None:
    assert lakehouse(*words, code=2)
    assert json.loads(lakehouse(*words, "--json", code=2))["code"] == "usage"


def test_a_store_that_cannot_be_had_ends_with_3(
    lakehouse: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    reported = lakehouse("journal", "head", "--bucket", "s3://some-bucket", code=3)
    assert SECRET not in reported


def test_a_damaged_journal_ends_with_4_and_is_named(lakehouse: CommandLine) -> None:
    for number in range(3):
        lakehouse("ingest", csv(f"a\n{number}\n"), "--name", "t")
    slot = Path("bucket/_journal/slots") / f"{2:020d}.ndjson"
    whole = slot.read_bytes()
    slot.write_bytes(whole.replace(b'"t"', b'"u"', 1))
    for words in (("journal", "verify"), ("journal", "replay"), ("datasets",)):
        assert "journal_corrupt" in lakehouse(*words, code=4)
    slot.unlink()
    assert "journal_corrupt" in lakehouse("journal", "verify", code=4)
    slot.write_bytes(whole)
    lakehouse("journal", "verify")


def test_control_characters_never_reach_a_terminal(emptied: CommandLine) -> None:
    text = "SELECT 'a' || chr(27) || '[31m' || chr(155) || chr(7) || chr(0) AS x"
    for words in (("sql", text), ("sql", text, "--json")):
        out = emptied(*words)
        assert not [letter for letter in out if ord(letter) < 32 and letter != "\n"]
        assert not [letter for letter in out if 127 <= ord(letter) < 160]
    for words in (("show", "a\x1b[31m"), ("sql", "SELECT '\x1b[31m"), ("\x1b[31m",)):
        code = 2 if len(words) == 1 else 1
        assert "\x1b" not in emptied(*words, code=code)
    for flag in ((), ("--json",)):
        out = emptied("sql", "SELECT '\x9b31m\x7f", *flag, code=1)
        assert not [letter for letter in out if 127 <= ord(letter) < 160]


def test_duckdbs_message_keeps_its_lines(emptied: CommandLine) -> None:
    lines = emptied("sql", "SELECT 1 +", code=1).splitlines()
    assert lines[2] == "LINE 1: SELECT 1 +"
    assert lines[3].strip() == "^"


def test_names_and_reasons_are_shown_safe_too(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t", "--reason", "why\x1b[2J\x9b\u202e")
    for words in (("history", "t"), ("history", "t", "--json"), ("journal", "events")):
        out = lakehouse(*words)
        assert "\x1b" not in out
        assert "\x9b" not in out
        assert "\u202e" not in out
        assert "why" in out


def test_as_of_and_idempotency_work_from_here_too(lakehouse: CommandLine) -> None:
    path = csv("a\n1\n")
    words = ("ingest", path, "--name", "t", "--mode", "append", "--idempotency-key", "k", "--json")
    first, again = json.loads(lakehouse(*words)), json.loads(lakehouse(*words))
    assert first == again
    lakehouse("ingest", csv("a\n2\n"), "--name", "t", "--mode", "append")
    assert json.loads(lakehouse("sql", "FROM t", "--as-of", "1", "--json"))["rows"] == [[1]]
    assert json.loads(lakehouse("show", "t", "--as-of", "1", "--json"))["row_count"] == 1
    assert "idempotency_key_reused" in lakehouse("ingest", csv("a\n3\n"), *words[2:-1], code=1)


def test_python_m_is_the_same_program() -> None:
    def run(*words: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "lakehouse", *words]
        return subprocess.run(command, capture_output=True, input=b"a\n1\n", check=False)

    with ThreadPoolExecutor() as pool:
        helped, versioned, wrong = pool.map(
            lambda words: run(*words), [("--help",), ("--version",), ("nonsense",)]
        )
    assert (helped.returncode, versioned.returncode, wrong.returncode) == (0, 0, 2)
    assert b"ingest" in helped.stdout
    assert (versioned.stdout, versioned.stderr) == (
        f"lakehouse {version('lakehouse')}\n".encode(),
        b"",
    )
    assert wrong.stdout == b""
    assert run("ingest", "-", "--name", "piped").returncode == 0
    refused = run("show", "nobody")
    assert (refused.returncode, refused.stdout) == (1, b"")


@pytest.mark.usefixtures("emptied")
def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    pipe = f"{sys.executable} -m lakehouse sql 'FROM range(100000)' | head -1"
    shell = subprocess.run(["bash", "-o", "pipefail", "-c", pipe], capture_output=True, check=False)
    assert (shell.returncode, shell.stderr) == (0, b"")


@pytest.mark.parametrize(
    "words",
    [
        ("datasets",),
        ("sql", "SELECT 1"),
        ("show", "t"),
        ("drop", "t"),
        ("restore", "t", "--as-of", "1"),
        ("history", "t"),
        ("quarantine", "t"),
        ("pin", "t@1"),
        ("unpin", "t@1"),
        ("pins",),
        ("diff", "--from", "1"),
        ("why", "t"),
        ("undo", "1"),
        ("gc",),
        ("erase", "t", "--where", "a = 1", "--reason", "r"),
        ("journal", "head"),
        ("journal", "events"),
        ("journal", "events", "--follow"),
        ("journal", "verify"),
        ("journal", "verify", "--expect", f"1:{'0' * 64}"),
        ("journal", "replay"),
        ("journal", "replay", "--without", "1"),
        ("journal", "replay", "--repair"),
        ("journal", "checkpoint"),
        ("journal", "pack"),
        ("journal", "export", "copy"),
        ("journal", "adopt", "--previous", f"1:{'0' * 64}"),
        ("journal", "raise-format", "1"),
    ],
    ids=" ".join,
)
def test_a_bucket_without_a_lake_is_named_and_left_as_it_is(
    lakehouse: CommandLine, words: tuple[str, ...]
) -> None:
    assert "lake_not_found: typo: " in lakehouse(*words, "--bucket", "typo", code=1)
    Path("empty").mkdir()
    Path("empty/notes.txt").write_text("someone else's")
    refused = json.loads(lakehouse(*words, "--bucket", "empty", "--json", code=1))
    assert refused["code"] == "lake_not_found"
    assert refused["detail"].startswith("empty: ")
    assert [path.name for path in Path().rglob("*")] == ["empty", "notes.txt"]
