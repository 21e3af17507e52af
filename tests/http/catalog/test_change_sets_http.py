"""Change sets and renames over HTTP: all of it at one event, or nothing."""

from collections.abc import Callable

from change_set_requests import history, rename, stage, transaction, values
from lake_server import Lake
from refusals import nothing_changes, refused

Fresh = Callable[[], str]
CSV = (("Content-Type", "text/csv"),)


class TestRename:
    def test_the_rows_history_and_pins_are_under_the_new_name(
        self, lake: Lake, fresh: Fresh
    ) -> None:
        name, to = fresh(), fresh()
        first = lake.ingest(f"name={name}", b"a\n1\n").seq
        pin = lake.ask("POST", "/v1/catalog/pin", {"name": name, "as_of": first}).seq
        answer = rename(lake, name, to)
        assert answer.json == {
            "name": name, "to": to, "dataset_id": lake.manifest(to).json["dataset_id"],
            "seq": answer.seq,
        }  # fmt: skip
        assert values(lake, to) == [1]
        assert values(lake, name, as_of=first) == [1]
        refused(lake.manifest(name), 404, "dataset_not_found")
        assert history(lake, to) == [
            (first, "dataset_registered"), (pin, "dataset_pinned"), (answer.seq, "dataset_renamed"),
        ]  # fmt: skip
        assert history(lake, name) == history(lake, to)
        later = lake.ingest(f"name={to}&mode=append", b"a\n2\n").seq
        assert history(lake, to)[-1] == (later, "dataset_appended")
        assert history(lake, name)[-1] == (answer.seq, "dataset_renamed")
        pins = lake.ask("GET", "/v1/catalog/pins").json["pins"]
        assert [(each["name"], each["as_of_seq"]) for each in pins if each["seq"] == pin] == [
            (to, first)
        ]

    def test_it_says_why_not(self, lake: Lake, fresh: Fresh) -> None:
        name, other = fresh(), fresh()
        lake.register(name)
        lake.register(other)
        with nothing_changes(lake):
            refused(rename(lake, fresh(), fresh()), 404, "dataset_not_found")
            refused(rename(lake, name, other.upper()), 409, "name_taken")
            refused(rename(lake, name, "1a"), 400, "invalid_name")
            refused(rename(lake, "", name), 400, "empty_name")
            assert rename(lake, name, name).status == 200

    def test_another_spelling_is_free(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.register(name)
        assert rename(lake, name, name.upper()).status == 200
        assert lake.manifest(name).json["name"] == name.upper()

    def test_it_is_undone(self, lake: Lake, fresh: Fresh) -> None:
        name, to = fresh(), fresh()
        lake.ingest(f"name={name}", b"a\n1\n")
        seq = rename(lake, name, to).seq
        diff = lake.ask("GET", f"/v1/catalog/diff?from={seq - 1}&to={seq}").json["datasets"]
        assert [(each["name"], each["change"]) for each in diff] == [
            (name, "dropped"), (to, "added"),
        ]  # fmt: skip
        undone = lake.ask("POST", "/v1/journal/undo", {"seq": seq, "dry_run": False})
        assert undone.json["type"] == "dataset_renamed"
        assert values(lake, name) == [1]
        assert len(history(lake, name)) == 3

    def test_sent_again_under_its_key_it_is_done_once(self, lake: Lake, fresh: Fresh) -> None:
        name, to = fresh(), fresh()
        lake.register(name)
        key = (("Idempotency-Key", name),)
        first = rename(lake, name, to, key)
        lake.register(name)
        with nothing_changes(lake):
            again = rename(lake, name, to, key)
        assert (again.status, again.json, again.seq) == (200, first.json, first.seq)

    def test_system_views_find_its_events(self, lake: Lake, fresh: Fresh) -> None:
        """The history of the new name's earlier life is not lost to `lake.events`."""
        name, to = fresh(), fresh()
        earlier = lake.register(to).seq
        lake.drop(to)
        lake.register(name)
        rename(lake, name, to)
        found = lake.sql(f"SELECT min(seq) FROM lake.events WHERE dataset = '{to}'").json["rows"]
        assert found == [[earlier]]


class TestChangeSet:
    def test_blue_becomes_green_at_one_event(self, lake: Lake, fresh: Fresh) -> None:
        blue, green, gone = fresh(), fresh(), fresh()
        lake.ingest(f"name={blue}", b"a\n1\n")
        lake.ingest(f"name={green}", b"a\n2\n")
        lake.register(gone)
        before = lake.head()
        answer = transaction(
            lake,
            {"op": "swap", "a": blue, "b": green},
            {"op": "drop", "name": gone},
            {"op": "rename", "name": green, "to": f"{green}_old"},
        )
        assert answer.status == 200, answer
        assert answer.seq == answer.json["seq"] == lake.head() == before + 1
        assert answer.json["results"] == [
            {
                "op": "swap", "name": blue, "to": green, "row_count": 1,
                "dataset_id": lake.manifest(blue).json["dataset_id"],
            },
            {"op": "drop", "name": gone, "to": None, "dataset_id": None, "row_count": None},
            {
                "op": "rename", "name": green, "to": f"{green}_old", "row_count": 1,
                "dataset_id": lake.manifest(f"{green}_old").json["dataset_id"],
            },
        ]  # fmt: skip
        assert (values(lake, blue), values(lake, f"{green}_old")) == ([2], [1])
        assert values(lake, blue, as_of=before) == [1]
        events = lake.ask("GET", f"/v1/journal/events?dataset={gone}").json["events"]
        assert events[-1]["type"] == "change_set_committed"
        assert [each["type"] for each in events[-1]["data"]["changes"]] == [
            "datasets_swapped", "dataset_dropped", "dataset_renamed",
        ]  # fmt: skip
        undone = lake.ask("POST", "/v1/journal/undo", {"seq": answer.seq, "dry_run": False})
        assert undone.json["type"] == "change_set_committed"
        assert lake.head() == before + 2
        assert (values(lake, blue), values(lake, green)) == ([1], [2])
        assert lake.manifest(gone).status == 200

    def test_a_refusal_names_its_change_and_nothing_is_done(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.register(name)
        with nothing_changes(lake):
            drop = {"op": "drop", "name": name}
            answer = refused(transaction(lake, drop, drop), 404, "dataset_not_found")
            assert answer.json["errors"][0]["change"] == 1
            register = {"op": "register", "name": "x", "schema_fingerprint": "f"}
            missing = register | {"objects": [{"key": "no/1"}, {"key": "no/2"}]}
            answer = refused(transaction(lake, missing), 422, "object_missing")
            assert [(each["change"], each["key"]) for each in answer.json["errors"]] == [
                (0, "no/1"), (0, "no/2"),
            ]  # fmt: skip
            bad_name = {"op": "rename", "name": name, "to": "1a"}
            answer = refused(transaction(lake, drop, bad_name), 400, "invalid_name")
            assert answer.json["errors"][0]["change"] == 1
            future = {"op": "restore", "name": name, "as_of": lake.head() + 1_000}
            answer = refused(transaction(lake, future), 400, "as_of_in_future")
            assert answer.json["errors"][0]["change"] == 0

    def test_what_is_no_change_set_is_refused(self, lake: Lake, fresh: Fresh) -> None:
        name = fresh()
        lake.register(name)
        with nothing_changes(lake):
            refused(transaction(lake), 400, "invalid_request")
            refused(
                transaction(lake, *[{"op": "drop", "name": name}] * 1_001), 400, "invalid_request"
            )
            for odd in ({"op": "explode"}, {"name": name}, {"op": "swap", "a": name}, 1):
                refused(transaction(lake, odd), 400, "invalid_request")

    def test_restore_and_register_are_changes_of_a_set(self, lake: Lake, fresh: Fresh) -> None:
        name, other, key = fresh(), fresh(), fresh()
        then = lake.ingest(f"name={name}", b"a\n1\n").seq
        lake.drop(name)
        lake.put(key)
        objects = [{"key": key}]
        answer = transaction(
            lake,
            {"op": "restore", "name": name, "as_of": then},
            {"op": "register", "name": other, "schema_fingerprint": "f", "objects": objects},
        )
        assert answer.status == 200, answer
        assert values(lake, name) == [1]
        assert lake.manifest(other).json["seq"] == lake.manifest(name).json["seq"] == answer.seq

    def test_expectations_are_judged_first(self, lake: Lake, fresh: Fresh) -> None:
        name, absent = fresh(), fresh()
        seen = lake.register(name).seq
        drop = {"op": "drop", "name": absent}
        with nothing_changes(lake):
            answer = transaction(lake, drop, expect={name: seen - 1, absent: None})
            refused(answer, 409, "expectation_failed")
            assert answer.json["errors"] == [{"name": name, "expected": seen - 1, "actual": seen}]
        for change in (
            {"op": "put_view", "name": absent, "sql": f"FROM {absent}"},
            {"op": "restore", "name": absent, "as_of": seen},
            {"op": "restore", "name": name, "as_of": seen + 1_000},
        ):
            answer = transaction(lake, change, expect={name: seen - 1})
            refused(answer, 409, "expectation_failed")
        drop = {"op": "drop", "name": name}
        assert transaction(lake, drop, expect={name: seen, absent: None}).status == 200

    def test_sent_again_under_its_key_it_is_done_once(self, lake: Lake, fresh: Fresh) -> None:
        a, b = fresh(), fresh()
        lake.ingest(f"name={a}", b"a\n1\n")
        lake.ingest(f"name={b}", b"a\n2\n")
        key = (("Idempotency-Key", a),)
        first = transaction(lake, {"op": "swap", "a": a, "b": b}, headers=key)
        with nothing_changes(lake):
            again = transaction(lake, {"op": "swap", "a": a, "b": b}, headers=key)
            other = transaction(lake, {"op": "drop", "name": a}, headers=key)
        assert (again.status, again.json, again.seq) == (200, first.json, first.seq)
        refused(other, 422, "idempotency_key_reused")

    def test_a_thousand_changes_are_one_event(self, own_lake: Lake) -> None:
        register = {"op": "register", "schema_fingerprint": "f", "objects": []}
        made = transaction(own_lake, *[register | {"name": f"d{n}"} for n in range(1_000)])
        assert made.status == 200, made
        swaps = [{"op": "rename", "name": f"d{n}", "to": f"e{n}"} for n in range(1_000)]
        answer = transaction(own_lake, *swaps)
        assert answer.status == 200, answer
        assert own_lake.head() == 2
        event = own_lake.ask("GET", "/v1/journal/events?after=1").json["events"][0]
        assert len(event["about"]) == 2_000
        assert history(own_lake, "e999") == [
            (1, "change_set_committed"),
            (2, "change_set_committed"),
        ]


def test_a_change_that_does_not_parse_is_named(lake: Lake, fresh: Fresh) -> None:
    bad = [{"op": "zap"}, {}, 3, {"op": "drop"}, {"op": "commit", "staged": "x", "mode": "merge"}]
    for change in bad:
        with nothing_changes(lake):
            answer = transaction(lake, {"op": "drop", "name": fresh()}, change)
        refused(answer, 400, "invalid_request")
        assert [each["change"] for each in answer.json["errors"]] == [1]
    other = refused(
        lake.ask("POST", "/v1/catalog/transaction", {"changes": 3}), 400, "invalid_request"
    )
    assert "errors" not in other.json


def test_a_change_set_sent_again_is_not_judged_on_what_is_there_since(
    lake: Lake, fresh: Fresh
) -> None:
    name, to, view = fresh(), fresh(), fresh()
    lake.ingest(f"name={name}", b"a\n1\n")
    staged = stage(lake, f"name={fresh()}", b"a\n1\n")["staged"]
    changes: list[dict[str, str]] = [
        {"op": "rename", "name": name, "to": to},
        {"op": "put_view", "name": view, "sql": f"FROM {to}"},
        {"op": "commit", "staged": staged},
    ]
    headers = {"Idempotency-Key": fresh()}
    first = transaction(lake, *changes, headers=headers)
    assert first.status == 200
    lake.ask("DELETE", f"/v1/catalog/view/{view}")
    lake.drop(to)
    with nothing_changes(lake):
        again = transaction(lake, *changes, headers=headers)
    assert (again.status, again.body, again.seq) == (200, first.body, first.seq)
