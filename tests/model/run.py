"""One run: random operations on real processes and on the plain lake, compared after each.

Two processes serve one bucket. They are killed with -9 at random, also while they work on a change,
which is then sent again under its key, to whoever is up.
"""

import contextlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.e2e.process import Answer, Lakehouse, Lost
from tests.model.conditions import COLUMNS, Row
from tests.model.operations import ALL_NAMES, Operation, Operations
from tests.model.plain_lake import Datasets, Moment, PlainLake, Refusal

RETRYABLE = frozenset(
    {"busy", "not_committed", "outcome_unknown", "shutting_down", "not_caught_up", "query_timeout"}
)
"""The last two are a busy machine's: a query may take 4 s here, and a process catches up within 5 s."""
ATTEMPTS = 20
COLLECTION = frozenset({"objects_marked", "objects_collected"})
"""Events that may come at any time after an erasure, also of the other process."""
WITHIN_S = 1.0
"""A kill comes so long after the change was sent, or earlier."""


class Broken(AssertionError):
    """The lake is not what the model says."""


class ModelRun:
    """`processes` serve one new bucket; `kills` is how often an operation meets one, of 1."""

    def __init__(
        self,
        processes: list[Lakehouse],
        seed: int,
        kills: float,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._up = list(processes)
        self._down: list[Lakehouse] = []
        self._chance = random.Random(seed)
        self._kills = kills
        self._say = say
        self.lake = PlainLake()
        self._operations = Operations(self.lake, self._chance)
        self.done: Counter[str] = Counter()

    def run(self, operations: int) -> None:
        """So many operations. Raises Broken."""
        for number in range(1, operations + 1):
            operation = self._operations.next()
            self._say(f"{number}: {operation.text}")
            try:
                self._step(operation, f"key-{number}")
            except AssertionError as error:
                raise Broken(f"operation {number} ({operation.text}): {error}") from error

    def _step(self, operation: Operation, key: str) -> None:
        self._revive()
        answer = self._answer(operation, key)
        try:
            moment, members = operation.expected()
        except Refusal as refusal:
            code = answer.json.get("code")
            assert code == str(refusal), f"answered {answer.body[:300]!r}, not {refusal}"
            self.done[f"refused {code}"] += 1
            self._compare_now()
            return
        assert answer.status == 200, f"answered {answer.status} {answer.body[:500]!r}"
        self.done[operation.text.partition(" ")[0]] += 1
        wrong = {name: answer.json[name] for name in members if answer.json[name] != members[name]}
        assert not wrong, f"answered {wrong}, not {members}"
        events = self._get(f"/v1/journal/events?after={self.lake.seq}", answer.seq)["events"]
        made = [event for event in events if event["type"] not in COLLECTION]
        assert made or moment.datasets == self.lake.now, f"no event, but {moment.datasets} is new"
        assert not made or 0 not in members.values(), "an event, but no row was hit"
        moment = Moment(moment.datasets, _names(made), moment.undoable, moment.statements)
        for event in events:
            collects = event["type"] in COLLECTION
            self.lake.add(self.lake.collected() if collects else moment, event["seq"])
        self._compare_now()
        self._compare_then()

    def _answer(self, operation: Operation, key: str) -> Answer:
        """The certain answer: sent again as long as there is none."""
        kill = self._chance.random() < self._kills
        for _ in range(ATTEMPTS):
            process = self._chance.choice(self._up)
            answer = (
                self._killed(process, operation, key) if kill else _sent(process, operation, key)
            )
            kill = False
            if answer is not None and answer.json.get("code") not in RETRYABLE:
                return answer
            time.sleep(0.1)
        raise AssertionError(f"no answer in {ATTEMPTS} attempts")

    def _killed(self, process: Lakehouse, operation: Operation, key: str) -> Answer | None:
        """The answer of a process that is killed meanwhile, if it came before."""
        answers: list[Answer | None] = []
        sender = threading.Thread(target=lambda: answers.append(_sent(process, operation, key)))
        sender.start()
        time.sleep(self._chance.random() ** 3 * WITHIN_S)
        process.kill()
        sender.join()
        self.done["kill"] += 1
        self._up.remove(process)
        process.begin()
        self._down.append(process)
        self._revive(wait=not self._up)
        return answers[0]

    def _revive(self, *, wait: bool = False) -> None:
        """Use restarted processes again: one that is ready, or all, if none is up."""
        for process in list(self._down):
            if wait or self._chance.random() < 0.2:
                process.wait_ready()
                self._down.remove(process)
                self._up.append(process)

    def _compare_now(self) -> None:
        listed = self._get("/v1/catalog/list", self.lake.seq)["datasets"]
        counts = {each["name"]: each["row_count"] for each in listed}
        expected = {name: len(rows) for name, rows in self.lake.now.items()}
        assert counts == expected, f"it holds {counts}, not {expected}"
        for name in self.lake.now:
            self._compare(name, self.lake.now, None)

    def _compare_then(self) -> None:
        """One dataset at an earlier moment, and the difference between two."""
        seq = self._chance.randint(0, self.lake.seq)
        then = self.lake.as_of(seq)
        for name in self._chance.sample(sorted(then), min(1, len(then))):
            self._compare(name, then, seq)
        first, last = sorted(self._chance.choices(range(self.lake.seq + 1), k=2))
        self._compare_difference(first, last)

    def _compare(self, name: str, datasets: Datasets, as_of: int | None) -> None:
        sql = f"SELECT {', '.join(COLUMNS)} FROM {name}"
        more = {} if as_of is None else {"as_of": as_of}
        found = [tuple(row) for row in self._sql(sql, **more)]
        expected = list(datasets[name])
        assert found == expected, f"{name} as of {as_of}: {_differing(found, expected)}"

    def _compare_difference(self, first: int, last: int) -> None:
        was, now = self.lake.as_of(first), self.lake.as_of(last)
        found = self._get(f"/v1/catalog/diff?from={first}&to={last}", self.lake.seq)["datasets"]
        rows = {each["name"]: each["rows"] for each in found}
        for name in ALL_NAMES:
            old, new = was.get(name), now.get(name)
            if name not in rows:
                assert old == new, f"{name} differs from {first} to {last}, the diff says nothing"
                continue
            span = (len(old) if old is not None else None, len(new) if new is not None else None)
            assert (rows[name]["from"], rows[name]["to"]) == span, (
                f"{name}: {rows[name]}, not {span}"
            )
            if rows[name]["added"] is None:
                assert self.done["erase"], f"{name}: {rows[name]}, though nothing was erased"
                continue
            net = (span[1] or 0) - (span[0] or 0)
            assert rows[name]["added"] - rows[name]["removed"] == net, f"{name}: {rows[name]}"
            least = Counter(new or ()) - Counter(old or ())
            assert rows[name]["added"] >= least.total(), f"{name}: {rows[name]}, {least} are new"

    def _get(self, target: str, seq: int) -> Any:
        return self._read("GET", target, None, seq)

    def _sql(self, sql: str, **more: Any) -> list[list[Any]]:
        body = json.dumps({"sql": sql} | more).encode()
        found: list[list[Any]] = self._read("POST", "/v1/sql", body, self.lake.seq)["rows"]
        return found

    def _read(self, method: str, target: str, body: bytes | None, seq: int) -> Any:
        """The JSON of an answer that must come: asked again where the machine was too busy."""
        client = self._chance.choice(self._up).client
        for _ in range(ATTEMPTS):
            answer = client.request(method, target, body, X_Min_Seq=str(seq))
            if answer.status == 200 or answer.json.get("code") not in RETRYABLE:
                break
        assert answer.status == 200, f"{target} {body!r}: {answer.body[:500]!r}"
        return answer.json


def _names(events: list[dict[str, Any]]) -> frozenset[str]:
    """The names that an operation's events are about."""
    if all(
        event["type"] == "rows_erased" or event["data"].get("kind") == "compact" for event in events
    ):
        return frozenset()
    entities = [each["entity"] for event in events for each in event["about"]]
    return frozenset(entity.removeprefix("dataset:") for entity in entities)


def _sent(process: Lakehouse, operation: Operation, key: str) -> Answer | None:
    with contextlib.suppress(*Lost):
        return operation.send(process.client, key)
    return None


def _differing(found: list[Row], expected: list[Row]) -> str:
    missing, extra = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    if not missing and not extra:
        return f"the rows are in another order: {found}, not {expected}"
    return f"missing {list(missing.elements())[:5]}, too many {list(extra.elements())[:5]}"
