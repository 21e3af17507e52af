"""The command line and files: names, formats, rehearsals, quarantine and its retry."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.cli.main import main

pytestmark = pytest.mark.usefixtures("elsewhere")
Lakehouse = Callable[..., str]


@pytest.fixture
def lakehouse(elsewhere: None, capfdbinary: pytest.CaptureFixture[bytes]) -> Lakehouse:
    """Run a command, assert how it ends; its stdout, or stderr when it is to fail."""

    def run(*words: str, code: int = 0) -> str:
        ended = main(list(words))
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        assert ended == code, (out, err)
        return (err if code else out).decode("utf-8", "surrogateescape")

    return run


def written(name: str, data: str | bytes) -> str:
    Path(name).write_bytes(data.encode() if isinstance(data, str) else data)
    return name


def rows(lakehouse: Lakehouse, name: str) -> list[list[object]]:
    answer = lakehouse("sql", f"SELECT * FROM {name} ORDER BY ALL", "--format", "json")
    return json.loads(answer)["rows"]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("workers.csv", "workers"),
        ("Sales-2024 (1).csv", "Sales_2024__1_"),
        ("2024.csv", "_2024"),
        ("plain", "plain"),
        ("a.b.tsv", "a_b"),
        ("x.csv.gz", "x"),
        ("städte.csv", "st_dte"),
    ],
)
def test_a_dataset_without_a_name_has_its_file_s(
    lakehouse: Lakehouse, file: str, name: str
) -> None:
    receipt = json.loads(lakehouse("ingest", written(file, "a\n1\n"), "--json"))
    assert receipt["name"] == name


def test_what_comes_on_stdin_needs_a_name(lakehouse: Lakehouse) -> None:
    assert "--name" in lakehouse("ingest", "-", code=2)


def test_the_format_is_told_by_the_file_s_ending(lakehouse: Lakehouse) -> None:
    lakehouse("ingest", written("j.ndjson", '{"a": 1}\n'))
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), sink)
    lakehouse("ingest", written("p.parquet", sink.getvalue()))
    lakehouse("ingest", written("odd.txt", '{"a": 1}\n'), "--format", "ndjson", "--name", "t")
    assert rows(lakehouse, "j") == rows(lakehouse, "p") == rows(lakehouse, "t") == [[1]]


def test_a_rehearsal_makes_nothing_not_even_a_lake(lakehouse: Lakehouse) -> None:
    reported = lakehouse("ingest", written("t.csv", "a,b\n1\n2,3\n"), "--dry-run")
    assert "refuse" in reported
    assert '"line":2' in reported
    assert not (Path("bucket") / "_journal").exists()
    body = json.loads(lakehouse("ingest", "t.csv", "--dry-run", "--json"))
    assert (body["rows_good"], body["rows_bad"]) == (1, 1)


def test_quarantine_is_listed_fetched_mended_and_sent_again(lakehouse: Lakehouse) -> None:
    lakehouse("ingest", written("t.csv", "a;b\n1;x\n2\n3;y;z\n"), "--on-error", "quarantine",
              "--delimiter", ";")  # fmt: skip
    listed = [json.loads(line) for line in lakehouse("quarantine", "t", "--json").splitlines()]
    assert [(row["line"], row["raw"], row["seq"]) for row in listed] == [
        (3, "2", 1),
        (4, "3;y;z", 1),
    ]
    assert "1 field where there are 2 columns" in lakehouse("quarantine", "t")
    fetched = lakehouse("quarantine", "t", "--csv")
    assert fetched == "a;b\n2\n3;y;z\n"
    lakehouse("quarantine", "t", "--retry", written("still.csv", fetched), code=1)
    mended = written("mended.csv", "a;b\n2;w\n3;y\n")
    assert "2 rows, 3 in total, event 2" in lakehouse("quarantine", "t", "--retry", mended)
    assert rows(lakehouse, "t") == [[1, "x"], [2, "w"], [3, "y"]]
    assert lakehouse("quarantine", "t", "--json") == ""
    assert "quarantine_not_found" in lakehouse("quarantine", "t", "--retry", mended, code=1)
    assert len(rows(lakehouse, "t")) == 3
    event = json.loads(lakehouse("journal", "events", "--after", "1"))
    assert ["retries", listed[0]["key"]] in event["data"]["source"]["options"]


def test_rows_that_fit_by_now_are_sent_as_they_are(lakehouse: Lakehouse) -> None:
    lakehouse("ingest", written("t.csv", "a,b\n1,2\n"))
    more = ("--name", "t", "--mode", "append")
    lakehouse("ingest", written("u.csv", "a,b\nx,3\n"), *more, "--on-error", "quarantine")
    assert "schema_conflict" in lakehouse("quarantine", "t", "--retry", code=1)
    lakehouse("ingest", written("v.csv", "a,b\ny,4\n"), *more, "--schema-change", "widen")
    lakehouse("quarantine", "t", "--retry")
    assert rows(lakehouse, "t") == [["1", 2], ["x", 3], ["y", 4]]
    assert lakehouse("quarantine", "t", "--json") == ""


def test_what_is_still_bad_is_set_aside_anew(lakehouse: Lakehouse) -> None:
    lakehouse("ingest", written("t.csv", "a,b\n1\n2\n3,4\n"), "--on-error", "quarantine")
    mended = written("mended.csv", "a,b\n1,1\n2\n")
    lakehouse("quarantine", "t", "--retry", mended, "--on-error", "quarantine")
    [left] = [json.loads(line) for line in lakehouse("quarantine", "t", "--json").splitlines()]
    assert (left["raw"], left["seq"]) == ("2", 2)


def test_raw_rows_keep_their_encoding_and_their_undecodable_bytes(lakehouse: Lakehouse) -> None:
    lakehouse("ingest", written("t.csv", "gr\xf6\xdfe,b\n\xe4\n\x81,1\n1,2\n".encode("latin-1")),
              "--encoding", "cp1252", "--on-error", "quarantine")  # fmt: skip
    fetched = lakehouse("quarantine", "t", "--csv").encode("utf-8", "surrogateescape")
    assert fetched == b"gr\xf6\xdfe,b\n\xe4\n\x81,1\n"


def test_files_that_were_read_differently_are_chosen_by_key(lakehouse: Lakehouse) -> None:
    lakehouse("ingest", written("t.csv", "a,b\n1\n1,2\n"), "--on-error", "quarantine")
    words = ("--name", "t", "--mode", "append", "--on-error", "quarantine", "--delimiter", ";")
    lakehouse("ingest", written("u.csv", "a;b\n2\n1;2\n"), *words)
    assert "its key" in lakehouse("quarantine", "t", "--csv", code=1)
    keys = [json.loads(line)["key"] for line in lakehouse("quarantine", "t", "--json").splitlines()]
    assert lakehouse("quarantine", "t", "--csv", "--key", keys[1]) == "a;b\n2\n"
    mended = written("mended.csv", "a;b\n2;2\n")
    lakehouse("quarantine", "t", "--key", keys[1], "--retry", mended)
    [left] = [json.loads(line) for line in lakehouse("quarantine", "t", "--json").splitlines()]
    assert left["key"] == keys[0]
    lakehouse("quarantine", "t", "--key", keys[1], code=1)


def test_json_lines_are_fetched_as_they_came(lakehouse: Lakehouse) -> None:
    lakehouse("ingest", written("t.ndjson", '{"a": 1}\n{"a": \n'), "--on-error", "quarantine")
    assert lakehouse("quarantine", "t", "--csv") == '{"a": \n'
    lakehouse("quarantine", "t", "--retry", written("mended", '{"a": 2}\n'))
    assert rows(lakehouse, "t") == [[1], [2]]


def test_without_a_dataset_or_quarantine(lakehouse: Lakehouse) -> None:
    lakehouse("ingest", written("t.csv", "a\n1\n"))
    assert "dataset_not_found" in lakehouse("quarantine", "u", code=1)
    assert lakehouse("quarantine", "t", "--json") == ""
    assert "quarantine_not_found" in lakehouse("quarantine", "t", "--csv", code=1)


def test_a_terminal_sees_progress_and_a_machine_none() -> None:
    words = [sys.executable, "-m", "lakehouse", "ingest", written("t.csv", "a\n1\n")]
    alone = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    assert alone.stderr == ""
    primary, secondary = os.openpty()
    with open(primary, "rb", buffering=0) as terminal:
        watched = subprocess.run(
            [*words, "--mode", "append"], stdout=subprocess.PIPE, stderr=secondary, timeout=120,
            check=True,
        )  # fmt: skip
        os.close(secondary)
        seen = b""
        try:
            while piece := terminal.read(4096):
                seen += piece
        except OSError:
            pass  # EIO: the other side of a terminal is gone.
    assert b"MB/s" in seen
    assert watched.stdout == b"t: 1 row, 2 in total, event 2\n"
