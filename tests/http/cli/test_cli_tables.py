"""Tables, the pager, result files and statements from files, with the real command."""

import csv as csv_module
import io
import json
import os
import subprocess
import sys
import termios
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import CommandLine, csv

pytestmark = pytest.mark.usefixtures("emptied")
LAKEHOUSE = [sys.executable, "-m", "lakehouse"]


def on_terminal(*words: str, columns: int = 60, lines: int = 20, pager: str = "") -> list[str]:
    """The lines that a command prints on a terminal of that size."""
    primary, secondary = os.openpty()
    termios.tcsetwinsize(secondary, (lines, columns))
    environ = {**os.environ, "PAGER": pager, "TERM": "dumb"}
    environ = {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen([*LAKEHOUSE, *words], stdout=secondary, env=environ)
    os.close(secondary)
    seen = b""
    try:
        while piece := os.read(primary, 65536):
            seen += piece
    except OSError:
        pass  # EIO: the other side of a terminal is closed
    os.close(primary)
    assert process.wait() == 0
    return seen.decode().replace("\r\n", "\n").splitlines()


def test_null_is_not_the_empty_string(emptied: CommandLine) -> None:
    lines = emptied("sql", "SELECT NULL AS a, '' AS b, 1 AS c").splitlines()
    assert lines == ["a     b  c", "----  -  -", "NULL     1"]


def test_a_pipe_gets_the_whole_table(emptied: CommandLine) -> None:
    out = emptied("sql", "SELECT repeat('x', 500) AS wide, i FROM range(2000) t(i)")
    assert len(out.splitlines()) == 2002
    assert "x" * 500 in out


def test_a_terminal_gets_lines_of_its_width() -> None:
    lines = on_terminal("sql", "SELECT 1 AS id, repeat('é', 500) AS text, '漢字漢字' AS more")
    assert [len(line) for line in lines[:2]] == [56, 60]
    assert lines[2].startswith("1   é")
    assert "…" in lines[2]
    assert lines[2].endswith("漢字漢字")


def test_a_terminal_gets_at_most_1000_rows_unless_asked() -> None:
    assert len(on_terminal("sql", "FROM range(3000)")) == 1002
    assert len(on_terminal("sql", "FROM range(3000)", "--limit", "0")) == 3002


def test_a_table_has_as_many_rows_as_asked(
    emptied: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert emptied("sql", "FROM range(9)", "--limit", "2").split() == ["range", "-----", "0", "1"]
    assert emptied("sql", "FROM range(2)", "--limit", "2").split() == ["range", "-----", "0", "1"]
    assert len(emptied("sql", "FROM range(9)", "--limit", "0").split()) == 11
    subprocess.run([*LAKEHOUSE, "sql", "FROM range(9)", "--limit", "2"], check=True)
    assert "--limit is for tables" in emptied("sql", "SELECT 1", "--limit", "2", "--json", code=2)


def test_a_limit_is_announced_on_stderr() -> None:
    words = ("sql", "FROM range(9)", "--limit", "2")
    ended = subprocess.run([*LAKEHOUSE, *words], capture_output=True, text=True, check=True)
    assert ended.stderr == "shown: the first 2 rows; --limit 0 prints all\n"


def test_a_large_result_is_left_early(emptied: CommandLine) -> None:
    assert emptied("sql", "FROM range(10000000000)", "--limit", "1").split()[-1] == "0"


def test_a_long_table_is_paged() -> None:
    words = ("sql", "FROM range(100)")
    assert on_terminal(*words, pager="sed s/^/paged:/")[2] == "paged:0"
    assert on_terminal(*words, "--no-pager", pager="sed s/^/paged:/")[2] == "0"
    assert on_terminal(*words, pager="/nonexistent/pager")[2] == "0"
    assert on_terminal(*words, pager="true") == []
    assert on_terminal("sql", "FROM range(10)", pager="sed s/^/paged:/")[2] == "0"


def test_a_dataset_is_shown_as_a_table(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("zip,n\n00501,1\n"), "--name", "zips")
    lines = lakehouse("show", "zips").splitlines()
    assert lines[0].startswith("zips: 1 row, 1 object, ")
    assert lines[3:] == ["column  type", "------  ------", "zip     string", "n       int64"]


def test_a_statement_comes_from_a_file_or_stdin(emptied: CommandLine) -> None:
    Path("q.sql").write_text("SELECT 'é' AS x -- a comment\n", encoding="utf-8-sig")
    assert emptied("sql", "-f", "q.sql", "--format", "csv") == "x\né\n"
    piped = subprocess.run(
        [*LAKEHOUSE, "sql", "--file", "-", "--json"],
        input=b"SELECT 7",
        capture_output=True,
        check=True,
    )
    assert json.loads(piped.stdout)["rows"] == [[7]]
    assert "missing_file" in emptied("sql", "-f", "absent.sql", code=1)
    Path("q.bin").write_bytes(b"SELECT '\xff'")
    assert "not UTF-8" in emptied("sql", "-f", "q.bin", code=2)
    assert "one statement" in emptied("sql", "SELECT 1", "-f", "q.sql", code=2)
    assert "one statement" in emptied("sql", code=2)


@pytest.mark.parametrize("name", ["r.csv", "r.json", "r.ndjson", "r.jsonl", "r.parquet", "r.PQ",
                                  "r.arrow", "r.txt"])  # fmt: skip
def test_a_result_file_has_the_format_of_its_extension(emptied: CommandLine, name: str) -> None:
    assert emptied("sql", "SELECT 1 AS a, chr(27) AS b", "-o", name) == ""
    body = Path(name).read_bytes()
    match Path(name).suffix.lower():
        case ".csv":
            assert list(csv_module.DictReader(io.StringIO(body.decode()))) == [
                {"a": "1", "b": "\x1b"}
            ]
        case ".json":
            assert json.loads(body)["rows"] == [[1, "\x1b"]]
        case ".ndjson" | ".jsonl":
            assert json.loads(body) == {"a": 1, "b": "\x1b"}
        case ".parquet" | ".pq":
            assert pq.read_table(io.BytesIO(body)).to_pylist() == [{"a": 1, "b": "\x1b"}]
        case ".arrow":
            assert pa.ipc.open_stream(body).read_all().to_pylist() == [{"a": 1, "b": "\x1b"}]
        case ".txt":
            assert body.decode().splitlines()[0] == "a  b"
        case other:
            pytest.fail(other)


def test_a_result_file_is_replaced_only_when_complete(emptied: CommandLine) -> None:
    Path("r.csv").write_text("old")
    emptied("sql", "SELECT error('no')", "-o", "r.csv", code=1)
    emptied("sql", "SELECT 1 AS a", "-o", "absent/r.csv", code=2)
    assert Path("r.csv").read_text() == "old"
    emptied("sql", "SELECT 1 AS a", "-o", "r.csv")
    assert Path("r.csv").read_text() == "a\n1\n"
    assert {path.name for path in Path().iterdir()} == {"r.csv", "bucket", "first.csv"}
    mask = os.umask(0)
    os.umask(mask)
    assert Path("r.csv").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_result_file_without_a_known_extension_needs_a_format(emptied: CommandLine) -> None:
    assert "no format has this extension" in emptied("sql", "SELECT 1", "-o", "r.xls", code=2)
    emptied("sql", "SELECT 1 AS a", "-o", "r.xls", "--format", "csv")
    assert Path("r.xls").read_text() == "a\n1\n"


def test_a_date_means_midnight_utc(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    assert "dataset_not_found" in lakehouse("show", "t", "--as-of", "2020-02-29", code=1)
    midnight, day = "2020-02-29T00:00:00Z", "2020-02-29"
    for words in (("diff", "--from"), ("journal", "replay", "--to")):
        assert lakehouse(*words, day) == lakehouse(*words, midnight)
    assert "as_of_in_future" in lakehouse("sql", "SELECT 1", "--as-of", "2999-01-01", code=1)
    assert "'2020-02-30T00" in lakehouse("sql", "SELECT 1", "--as-of", "2020-02-30", code=2)
