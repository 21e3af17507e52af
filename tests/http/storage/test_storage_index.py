"""Listing keys: the index that follows the journal says what counting all keys says, after each change."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from lake_server import Lake, running_lake

from lakehouse.api.console.storage import FolderQuery
from lakehouse.service.caller import Caller
from lakehouse.service.index import present_keys
from projections import inventory
from projections.key_index import KeyIndex

ROWS = "a,b\n1,x\n2,y\n"


@dataclass
class Keys:
    """The keys of a lake, listed by its index and counted anew."""

    lake: Lake

    def check(self) -> None:
        async def folders() -> list[tuple[object, object]]:
            state, found = self.lake.service.node.state, []
            for prefix in ("", "raw/", "datasets/", "datasets/S/"):
                query = FolderQuery(prefix=prefix, limit=1_000)
                body = (await self.lake.service.storage.folder(Caller("test", 0.0), query)).body
                entries, total = KeyIndex(state.inventory).folder(prefix, 0, 1_000)
                shown = [
                    (each.name, each.objects, each.size_bytes, each.seq) for each in body.entries
                ]
                counted = [(e.name, e.objects, e.size_bytes, e.newest.seq) for e in entries]
                found.append(((shown, body.total), (counted, total)))
            return found

        for shown, counted in self.lake.run(folders()):
            assert shown == counted
        state = self.lake.service.node.state
        expected = [each.key for each in inventory.in_key_order(state.inventory, "", "")]
        listed, after = list[str](), ""
        while True:
            page = self.lake.ask("GET", f"/v1/storage/list?limit=2&after={quote(after)}").json
            listed += [each["key"] for each in page["objects"]]
            after = page.get("next")
            if after is None:
                break
        assert listed == expected


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    with running_lake(tmp_path / "bucket") as lake:
        found = Keys(lake)
        found.check()
        yield found


def change(lake: Lake, method: str, path: str, body: dict[str, object]) -> None:
    answer = lake.ask(method, path, body)
    assert answer.status == 200, answer


@pytest.mark.parametrize("touched", [10_000, 1], ids=["followed", "given-up"])
def test_the_index_follows_every_kind_of_change(
    keys: Keys, touched: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(present_keys, "MAX_TOUCHED", touched)
    lake = keys.lake
    for key in ("raw/a.txt", "raw/b/c.txt", "top"):
        assert lake.put(key, key.encode()).status == 200
    keys.check()
    for query in ("name=S", "name=S&mode=append", "name=T"):
        assert lake.ingest(query, ROWS if "append" not in query else "a,b\n3,z\n").status == 200
        keys.check()
    assert lake.put("raw/a.txt", b"longer than before").status == 200
    assert lake.delete("top").status == 204
    keys.check()
    begin = lake.ask("GET", "/v1/journal/head").json["seq"]
    change(lake, "POST", "/v1/catalog/rename", {"name": "S", "to": "R"})
    keys.check()
    assert lake.drop("R").status == 200
    keys.check()
    change(lake, "POST", "/v1/catalog/restore", {"name": "R", "as_of": str(begin + 1)})
    keys.check()
    swap = {"op": "swap", "a": "R", "b": "T"}
    change(
        lake, "POST", "/v1/catalog/transaction", {"changes": [swap, {"op": "drop", "name": "R"}]}
    )
    keys.check()
    change(lake, "POST", "/v1/journal/undo", {"seq": begin + 4, "dry_run": False})
    keys.check()
    erased = {"name": "T", "where": "a = 1", "reason": "asked for", "dry_run": False}
    change(lake, "POST", "/v1/catalog/erase", erased)
    keys.check()
    assert lake.ingest("name=S&mode=replace", "a,b\n9,q\n").status == 200
    keys.check()
