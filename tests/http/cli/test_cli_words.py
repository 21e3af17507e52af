"""Words and streams that a command line can be given and that nobody means well by."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import CommandLine, csv

from lakehouse.domain.errors import Refused, RefusedError

BAD = "bad\udcff"
"""As Python hands on a word with the byte 0xff."""
pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "é", BAD], ids=repr)
def test_an_odd_idempotency_key_is_refused_before_anything_is_done(
    lakehouse: CommandLine,
    key: str,
) -> None:
    words = ("ingest", csv("a\n1\n"), "--idempotency-key", key)
    assert "128 visible ASCII" in lakehouse(*words, code=2)
    assert not Path("bucket").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("drop", "t", "--reason", BAD),
        ("drop", "t", "--reason", "x" * 1025),
        ("sql", f"SELECT '{BAD}'"),
        ("show", BAD),
        ("journal", "events", "--dataset", BAD),
        ("journal", "adopt", "--previous", f"1:{'0' * 64}", "--note", BAD),
        ("datasets", "--config", BAD),
    ],
    ids=repr,
)
def test_words_that_no_event_can_hold_are_wrong_words(
    lakehouse: CommandLine,
    words: tuple[str, ...],
) -> None:
    lakehouse(*words, code=2)
    assert json.loads(lakehouse(*words, "--json", code=2))["code"] == "usage"


def test_a_blank_reason_is_none_and_a_long_one_is_kept(lakehouse: CommandLine) -> None:
    for reason in (" ", "x" * 1024):
        lakehouse("ingest", csv(f"a\n{len(reason)}\n"), "--name", "t", "--reason", reason)
    lines = lakehouse("history", "t", "--json").splitlines()
    assert [json.loads(line)["reason"] for line in lines] == [None, "x" * 1024]


def test_a_file_s_name_may_have_any_bytes(lakehouse: CommandLine) -> None:
    refused = json.loads(lakehouse("ingest", f"{BAD}.csv", "--name", "t", "--json", code=1))
    assert refused["code"] == "missing_file"


def test_a_message_of_several_lines_keeps_them(emptied: CommandLine) -> None:
    lines = emptied("sql", "SELEC", code=1).splitlines()
    assert lines[2:4] == ["LINE 1: SELEC", "        ^"]


@pytest.mark.parametrize("to", ["2", "2999-01-01T00:00:00Z"])
@pytest.mark.parametrize("more", [(), ("--without", "1")])
def test_a_replay_goes_no_further_than_the_head(
    lakehouse: CommandLine,
    to: str,
    more: tuple[str, ...],
) -> None:
    lakehouse("ingest", csv("a\n1\n"))
    assert "as_of_in_future" in lakehouse("journal", "replay", "--to", to, *more, code=1)
    lakehouse("journal", "replay", "--to", "1", *more)


@pytest.mark.parametrize("bucket", ["/proc/nowhere", "t.csv/below", "t.csv"])
def test_a_directory_that_cannot_be_made_is_no_lost_object(
    lakehouse: CommandLine,
    bucket: str,
) -> None:
    words = ("ingest", csv("a\n1\n"), "--bucket", bucket)
    assert "bucket_refused" in lakehouse(*words, code=3)


@pytest.mark.parametrize(
    "words",
    [
        ("--bucket", "b", "--json", "journal", "head"),
        ("journal", "--bucket", "b", "--json", "head"),
        ("--bucket", "other", "journal", "head", "--json", "--bucket", "b"),
    ],
)
def test_where_and_how_may_be_said_before_the_command(
    lakehouse: CommandLine, words: tuple[str, ...]
) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--bucket", "b")
    assert json.loads(lakehouse(*words))["seq"] == 1


def test_a_store_that_ignores_conditions_gets_no_data(
    lakehouse: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unfit(*_: object) -> None:
        raise RefusedError(Refused("store_unfit", "it ignores If-None-Match"))

    monkeypatch.setattr("lakehouse.wiring.refuse_unfit", unfit)
    assert "store_unfit" in lakehouse("ingest", csv("a\n1\n"), code=4)


def test_a_user_without_a_name_is_told_by_number(
    lakehouse: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr("getpass.getuser", nameless)
    monkeypatch.setattr("os.getuid", lambda: 12345)
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    assert json.loads(lakehouse("history", "t", "--json"))["actor"].startswith("uid12345@")


@pytest.mark.usefixtures("emptied")
@pytest.mark.parametrize(
    ("redirection", "code", "reported"),
    [
        (">&-", 0, b""),
        ("2>&-", 0, b""),
        (">/dev/full", 3, b"insufficient_storage"),
        ("| true", 0, b""),
    ],
)
def test_a_stream_that_takes_nothing_is_no_crash(
    redirection: str, code: int, reported: bytes
) -> None:
    line = f"set -o pipefail; {sys.executable} -m lakehouse datasets {redirection}"
    environment = {"PATH": "/usr/bin:/bin"}  # buffered, as it is outside of tests
    shell = subprocess.run(["bash", "-c", line], capture_output=True, check=False, env=environment)
    assert (shell.returncode, b"Traceback" in shell.stderr) == (code, False), shell
    assert reported in shell.stderr
    assert reported or shell.stderr == b""


@pytest.mark.usefixtures("emptied")
def test_what_a_terminal_cannot_say_is_escaped() -> None:
    words = [sys.executable, "-m", "lakehouse", "sql", "SELECT 'é'"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "ascii"}
    reported = subprocess.run(words, capture_output=True, check=True, env=environment)
    assert rb"\xe9" in reported.stdout
