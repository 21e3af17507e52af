"""Several files for one dataset at once: some serial order, each file wholly in or out."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from lake_server import Lake
from raw_http import Answer

Fresh = Callable[[], str]
CLIENTS = 12


def at_once(work: Callable[[int], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(work, range(CLIENTS)))


def rows(lake: Lake, name: str) -> list[list[object]]:
    answer = lake.sql(f"SELECT * FROM {name} ORDER BY ALL")
    assert answer.status == 200, answer
    return answer.json["rows"]


def test_appends_to_what_is_not_there_yet_all_come_in(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    answers = at_once(lambda n: lake.ingest(f"name={name}&mode=append", b"a\n%d\n" % n))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.seq for answer in answers}) == CLIENTS
    assert rows(lake, name) == [[n] for n in range(CLIENTS)]
    last = max(answers, key=lambda answer: answer.seq or 0)
    assert last.json["row_count"] == CLIENTS


def test_of_replacements_the_last_is_what_is_there(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    answers = at_once(lambda n: lake.ingest(f"name={name}", b"a\n%d\n%d\n" % (n, n)))
    last = max(range(CLIENTS), key=lambda n: answers[n].seq or 0)
    assert rows(lake, name) == [[last], [last]]


def test_the_same_file_at_once_is_one_event_and_reused(lake: Lake, fresh: Fresh) -> None:
    name, before = fresh(), lake.head()
    answers = at_once(lambda _: lake.ingest(f"name={name}", b"a\n1\n"))
    assert sorted(answer.json["reused"] for answer in answers) == [False] + [True] * (CLIENTS - 1)
    assert {answer.seq for answer in answers} == {before + 1}


def test_schemas_that_differ_are_decided_in_the_order_of_the_events(
    lake: Lake, fresh: Fresh
) -> None:
    name = fresh()
    cells = (b"1", b"1.5", b"x")
    answers = at_once(lambda n: lake.ingest(f"name={name}&mode=append", b"a\n%b\n" % cells[n % 3]))
    taken = [n for n, answer in enumerate(answers) if answer.status == 200]
    refused = [answer.json["code"] for answer in answers if answer.status != 200]
    assert set(refused) <= {"schema_conflict"}
    assert len(rows(lake, name)) == len(taken) > 0


def test_widening_at_once_loses_no_row(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    lake.ingest(f"name={name}", b"a\n0\n")
    cells = (b"1", b"1.5", b"x")
    query = f"name={name}&mode=append&schema_change=widen"

    def widen(n: int) -> Answer:
        """What depends on the values that are there may lose to those that come, and says so."""
        while (answer := lake.ingest(query, b"a\n%b\n" % cells[n % 3])).status == 503:
            assert answer.json["code"] == "not_committed"
        return answer

    answers = at_once(widen)
    assert {answer.status for answer in answers} == {200}, answers
    # A 1 that came while the column was a double is printed as that double, once it is text.
    reported = sorted(str(cell).removesuffix(".0") for (cell,) in rows(lake, name))
    assert reported == sorted(["0", *([cell.decode() for cell in cells] * (CLIENTS // 3))])


def test_rows_that_are_sent_again_at_once_come_in_once(lake: Lake, fresh: Fresh) -> None:
    name = fresh()
    made = lake.ingest(f"name={name}&on_error=quarantine", b"a,b\n1\n").json
    query = f"name={name}&mode=append&resolves={made['quarantine']['key']}"
    answers = at_once(lambda n: lake.ingest(query, b"a,b\n1,%d\n" % n))
    codes = sorted(answer.json.get("code", "") for answer in answers)
    assert codes == [""] + ["quarantine_not_found"] * (CLIENTS - 1)
    assert len(rows(lake, name)) == 1
