"""Random operations: what a client sends for each, and what the plain lake makes of it."""

import json
import random
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.e2e.process import Answer, Client
from tests.model import plain_lake
from tests.model.conditions import COLUMNS, NULL, Row, condition, csv, new_values, one_id, row, rows
from tests.model.plain_lake import Datasets, Moment, PlainLake

NAMES = ("a", "b", "c", "d")
DERIVED = ("e", "f")
"""Datasets that only statements make, each from one of NAMES or the one before."""
ALL_NAMES = NAMES + DERIVED
TYPES = "types=id:int64,grp:string,amount:int64,note:string"
COUNTS = ("rows_deleted", "rows_updated")


class Operation(NamedTuple):
    """`send` asks for it under an idempotency key; `expected` is what the plain lake says: the moment
    after it and members of the answer. It raises Refusal."""

    text: str
    send: Callable[[Client, str], Answer]
    expected: Callable[[], tuple[Moment, dict[str, Any]]]


class Staged(NamedTuple):
    """A staged merge: what the lake was when it was staged, and the answers, the last of which counts."""

    name: str
    rows: list[Row]
    seq: int
    answers: list[Answer]


class Operations:
    """Makes random operations on a plain lake."""

    def __init__(self, lake: PlainLake, chance: random.Random) -> None:
        self._lake = lake
        self._chance = chance
        self._files: list[list[Row]] = [rows(chance) for _ in range(6)]
        """Some files come again, and are perhaps recognised."""
        self._replaced: dict[str, list[Row]] = {}
        """The file that replaced each dataset last."""
        self._staged: list[Staged] = []

    def next(self) -> Operation:
        kinds = {
            self._ingest: 20, self._replace_again: 8, self._merge: 10, self._overwrite: 8,
            self._delete: 18, self._update: 14,
            self._compact: 6, self._drop: 3, self._rename: 4, self._restore: 6, self._undo: 10,
            self._change_set: 5, self._stage: 6, self._commit: 6,
            self._derive: 5, self._refresh: 6, self._erase: 2,
        }  # fmt: skip
        (make,) = self._chance.choices(list(kinds), list(kinds.values()))
        return make()

    def _name(self) -> str:
        return self._chance.choice(NAMES)

    def _file(self) -> list[Row]:
        return (
            self._chance.choice(self._files) if self._chance.random() < 0.4 else rows(self._chance)
        )

    def _ingest(self) -> Operation:
        name, mode = self._name(), self._chance.choice(("append", "append", "replace"))
        found = self._file()
        if mode == "replace":
            self._replaced[name] = found
        return self._ingested(name, mode, found)

    def _replace_again(self) -> Operation:
        """By the file that a dataset was replaced by last: what it lost since comes back."""
        if not self._replaced:
            return self._ingest()
        name = self._chance.choice(sorted(self._replaced))
        return self._ingested(name, "replace", self._replaced[name])

    def _ingested(self, name: str, mode: str, found: list[Row]) -> Operation:
        def change(now: Datasets) -> None:
            plain_lake.ingested(now, name, mode, found)

        return self._operation(
            f"{mode} {len(found)} rows {name}",
            _ingest(f"{name}&mode={mode}", found),
            {name},
            change,
        )

    def _merge(self) -> Operation:
        name = self._name()
        ids = self._chance.sample(range(1, 60), self._chance.randint(1, 8))
        found = [row(self._chance, each) for each in ids]
        if self._chance.random() < 0.1:
            found.append(found[0])
        return self._operation(
            f"merge {len(found)} rows {name}",
            _ingest(f"{name}&mode=merge&key=id", found),
            {name},
            lambda now: plain_lake.merged(now, name, found),
        )

    def _stage(self) -> Operation:
        """A merge that is committed later, or never."""
        name = self._name()
        ids = self._chance.sample(range(1, 60), self._chance.randint(1, 8))
        found = [row(self._chance, each) for each in ids]
        staged = Staged(name, found, self._lake.seq, [])
        ingest = _ingest(f"{name}&mode=merge&key=id&stage=true", found)

        def send(client: Client, key: str) -> Answer:
            staged.answers.append(ingest(client, key))
            return staged.answers[-1]

        def expected() -> tuple[Moment, dict[str, Any]]:
            self._staged.append(staged)
            return Moment(self._lake.now, frozenset()), {}

        return Operation(f"stage merge of {len(found)} rows {name}", send, expected)

    def _commit(self) -> Operation:
        """Of a staged merge. It does not matter here which objects hold its dataset's rows."""
        self._staged = [each for each in self._staged if not self._lake.moved_since(each.seq)]
        if not self._staged:
            return self._stage()
        staged = self._staged.pop(self._chance.randrange(len(self._staged)))
        change = {"op": "commit", "staged": staged.answers[-1].json["staged"]}

        def expected(now: Datasets) -> None:
            was = self._lake.as_of(staged.seq).get(staged.name)
            changed = self._lake.last_change(staged.name) > staged.seq
            if changed and (staged.name in now or was):
                raise plain_lake.Refusal("expectation_failed")
            plain_lake.merged(now, staged.name, staged.rows)

        return self._operation(
            f"commit of {len(staged.rows)} rows {staged.name} staged at {staged.seq}",
            _post("/v1/catalog/transaction", {"changes": [change]}),
            {staged.name},
            expected,
        )

    def _derive(self) -> Operation:
        number = self._chance.randrange(len(DERIVED))
        source = self._chance.choice((*NAMES, *DERIVED[:number]))
        statement = plain_lake.Statement(source, condition(self._chance))
        name, where = DERIVED[number], statement.where.sql
        sql = f"SELECT {', '.join(COLUMNS)} FROM {source} WHERE {where}"
        return Operation(
            f"derive {name} from {source} where {where}",
            _post("/v1/catalog/derive", {"name": name, "sql": sql, "mode": "replace"}),
            lambda: (self._lake.derived(name, statement), {}),
        )

    def _refresh(self) -> Operation:
        name = self._chance.choice(DERIVED)
        return Operation(
            f"refresh {name}",
            _post("/v1/catalog/refresh", {"name": name}),
            lambda: (self._lake.refreshed(name), {}),
        )

    def _erase(self) -> Operation:
        """From every dataset: which datasets have objects in common is not known here."""
        where = one_id(self._chance)

        def send(client: Client, key: str) -> Answer:
            answers: list[Answer] = []
            for name in ALL_NAMES:
                body = {"name": name, "where": where.sql, "reason": "asked for", "dry_run": False}
                answer = _post("/v1/catalog/erase", body)(client, f"{key}-{name}")
                if answer.status != 200 and answer.json["code"] != "dataset_not_found":
                    return answer
                answers.append(answer)
            return max(
                answers,
                key=lambda each: (each.status == 200, each.seq if each.status == 200 else 0),
            )

        def expected() -> tuple[Moment, dict[str, Any]]:
            return self._lake.erased(where), {}

        return Operation(f"erase where {where.sql}", send, expected)

    def _overwrite(self) -> Operation:
        name, where = self._name(), condition(self._chance, 1)
        found = [each for each in rows(self._chance, 30) if where.holds(each)]
        found = found or rows(self._chance, 2)
        return self._operation(
            f"overwrite {name} where {where.sql} by {len(found)} rows",
            _ingest(f"{name}&mode=overwrite&where={quote(where.sql)}", found),
            {name},
            lambda now: plain_lake.overwritten(now, name, where, found),
        )

    def _delete(self) -> Operation:
        name, where = self._name(), condition(self._chance)
        body = {"name": name, "where": where.sql}
        return self._operation(
            f"delete {name} where {where.sql}",
            _post("/v1/catalog/delete", body),
            {name},
            lambda now: {"rows_deleted": plain_lake.deleted(now, name, where)},
        )

    def _update(self) -> Operation:
        name, where, values = self._name(), condition(self._chance), new_values(self._chance)
        body = {"name": name, "where": where.sql, "set": {each.column: each.sql for each in values}}
        return self._operation(
            f"update {name} set {body['set']} where {where.sql}",
            _post("/v1/catalog/update", body),
            {name},
            lambda now: {"rows_updated": plain_lake.updated(now, name, where, values)},
        )

    def _compact(self) -> Operation:
        name = self._name()

        def expected() -> tuple[Moment, dict[str, Any]]:
            plain_lake.rows_of(self._lake.now, name)
            return Moment(self._lake.now, frozenset(), undoable=False), {}

        return Operation(f"compact {name}", _post("/v1/catalog/compact", {"name": name}), expected)

    def _drop(self) -> Operation:
        name = self._name()

        def send(client: Client, key: str) -> Answer:
            return client.drop(name, Idempotency_Key=key)

        return self._operation(
            f"drop {name}", send, {name}, lambda now: plain_lake.dropped(now, name)
        )

    def _rename(self) -> Operation:
        name, to = self._name(), self._name()
        return self._operation(
            f"rename {name} to {to}",
            _post("/v1/catalog/rename", {"name": name, "to": to}),
            {name, to},
            lambda now: plain_lake.renamed(now, name, to),
        )

    def _restore(self) -> Operation:
        name, seq = self._name(), self._chance.randint(0, self._lake.seq)
        return self._operation(
            f"restore {name} as of {seq}",
            _post("/v1/catalog/restore", {"name": name, "as_of": seq}),
            {name},
            lambda now: plain_lake.restored(now, name, self._lake.as_of(seq)),
        )

    def _undo(self) -> Operation:
        last = [self._lake.last_change(name) for name in ALL_NAMES]
        seq = self._chance.choice([*last, self._chance.randint(0, self._lake.seq)]) or 1
        if self._lake.seq == 0:
            return self._ingest()
        return Operation(
            f"undo {seq}",
            _post("/v1/journal/undo", {"seq": seq, "dry_run": False}),
            lambda: (self._lake.undone(seq), {}),
        )

    def _change_set(self) -> Operation:
        parts = [self._part() for _ in range(self._chance.randint(1, 3))]

        def change(now: Datasets) -> None:
            for sent, _, _ in parts:  # what is restored is looked for before anything is judged
                if sent["op"] == "restore":
                    plain_lake.rows_of(self._lake.as_of(sent["as_of"]), sent["name"])
            for _, make, _ in parts:
                make(now)

        return self._operation(
            f"change set {[each for each, _, _ in parts]}",
            _post("/v1/catalog/transaction", {"changes": [each for each, _, _ in parts]}),
            {name for _, _, names in parts for name in names},
            change,
        )

    def _part(self) -> tuple[dict[str, Any], Callable[[Datasets], None], set[str]]:
        name, other, seq = self._name(), self._name(), self._chance.randint(0, self._lake.seq)
        restore = {"op": "restore", "name": name, "as_of": seq}
        return self._chance.choice([
            ({"op": "drop", "name": name}, lambda now: plain_lake.dropped(now, name), {name}),
            (
                {"op": "rename", "name": name, "to": other},
                lambda now: plain_lake.renamed(now, name, other),
                {name, other},
            ),
            (
                {"op": "swap", "a": name, "b": other},
                lambda now: plain_lake.swapped(now, name, other),
                {name, other},
            ),
            (restore, lambda now: plain_lake.restored(now, name, self._lake.as_of(seq)), {name}),
        ])  # fmt: skip

    def _operation(
        self,
        text: str,
        send: Callable[[Client, str], Answer],
        names: set[str],
        change: Callable[[Datasets], dict[str, Any] | None],
    ) -> Operation:
        def expected() -> tuple[Moment, dict[str, Any]]:
            now = self._lake.now
            members = change(now) or {}
            return Moment(now, frozenset(names)), members

        return Operation(text, send, expected)


def _ingest(query: str, found: list[Row]) -> Callable[[Client, str], Answer]:
    def send(client: Client, key: str) -> Answer:
        return client.ingest(f"name={query}&{TYPES}&null={NULL}", csv(found), Idempotency_Key=key)

    return send


def _post(target: str, body: dict[str, Any]) -> Callable[[Client, str], Answer]:
    def send(client: Client, key: str) -> Answer:
        sent = json.dumps(body).encode()
        return client.request("POST", target, sent, Idempotency_Key=key)

    return send
