"""Each refusal of the rules, whole: its code, what happened to which thing, and its rows."""

import msgspec
import pytest
from builders import blob, given, item, registered, restored, schema, stored
from deciding import COLUMNS, appended, ingest, ingested, put, register, restore, when

from journal.events import (
    Data,
    DatasetDropped,
    DatasetPinned,
    DatasetUnpinned,
    FormatRaised,
    LakeAdopted,
    ObjectForgotten,
    ObjectsCollected,
    ObjectsMarked,
    ProfilePut,
    ViewPut,
)
from journal.slot import FORMAT
from lakehouse.domain.commands import (
    Command,
    CommitChangeSet,
    CommitStaged,
    DropDataset,
    DropProfile,
    ForgetObject,
    PinDataset,
    RaiseFormat,
    SwapDatasets,
    UndoChange,
    UnpinDataset,
)
from lakehouse.domain.decision import DataStep, NeedsData
from lakehouse.domain.errors import Refused, RefusedError
from lakehouse.domain.rules.datasets import dataset_id
from lakehouse.domain.rules.restore import NAMED_OBJECTS
from lakehouse.domain.rules.schemas import schema_differences
from lakehouse.domain.rules.undo import inverse

DROP = DatasetDropped("w", dataset_id("w"))
GONE = (ingested("w", "p"), DROP, ObjectsMarked("r", 2, (blob("p"),)))
WAS = given(GONE[0]).catalog.datasets["w"]
HELD = (stored("a"), registered("v", item("a", own_key=False)))


@pytest.mark.parametrize(
    ("command", "facts", "code", "detail"),
    [
        (
            put("a", "one", only_if_absent=True),
            (stored("a", "one"),),
            "key_exists",
            "'a' already exists (event 1)",
        ),
        (
            ForgetObject("a"),
            HELD,
            "object_in_use",
            "a live dataset holds the current version of 'a'",
        ),
        (
            register("w", fingerprint="f2"),
            (registered("w"),),
            "fingerprint_conflict",
            "w has fingerprint 'f1', not 'f2'",
        ),
        (
            register("W"),
            (registered("w"),),
            "name_taken",
            "W differs only in case from the existing dataset w",
        ),
        (DropDataset("w"), (), "dataset_not_found", "there is no dataset w"),
        (
            ingest("w", "p", retries=("k",)),
            (),
            "quarantine_not_found",
            "w has no quarantine 'k'",
        ),
        (
            ingest("w", "p", read_under="mine"),
            (registered("w", fingerprint="mine"),),
            "schema_conflict",
            "w has the opaque fingerprint 'mine'",
        ),
        (UnpinDataset("w", 3), (), "pin_not_found", "w@3 is not pinned"),
        (
            SwapDatasets("w", "w"),
            (ingested("w", "p"),),
            "invalid_request",
            "w is swapped with itself; name two datasets",
        ),
        (
            RaiseFormat(FORMAT + 1),
            (),
            "upgrade_required",
            f"this code writes slots of format {FORMAT} at most, not {FORMAT + 1}",
        ),
        (
            UndoChange(1, stored("a"), ForgetObject("a")),
            (stored("a"), ObjectForgotten("a")),
            "undo_conflict",
            "key 'a' was deleted after event 1; undo that first, or restore by name",
        ),
        (
            UndoChange(1, stored("a"), ForgetObject("a")),
            (stored("a"), stored("a", "2")),
            "undo_conflict",
            "event 2 changed key 'a' after event 1; undo that first, or restore by name",
        ),
        (
            UndoChange(2, ObjectForgotten("a"), put("a", "1")),
            (stored("a", "1"), ObjectForgotten("a"), ObjectsMarked("r", 2, (blob("1"),))),
            "objects_collected",
            f"what was before event 2 cannot be restored: event 3 marked {blob('1')} for removal",
        ),
    ],
)
def test_a_refusal_says_what_happened_to_which_thing(
    command: Command, facts: tuple[Data, ...], code: str, detail: str
) -> None:
    assert when(command, *facts) == Refused(code, detail)


def test_keys_that_name_nothing_are_listed() -> None:
    rows = ({"key": "b"}, {"key": "c"})
    expected = Refused("object_missing", "2 of the keys name no object", rows)
    assert when(register("w", "a", "b", "c"), stored("a")) == expected


@pytest.mark.parametrize("command", [restore("w", 1, *GONE), PinDataset(1, WAS)])
def test_collected_objects_are_listed_with_their_events(command: Command) -> None:
    detail = "gc has collected 1 object of w (event 3)"
    expected = Refused("objects_collected", detail, ({"key": blob("p"), "event": 3},))
    assert when(command, *GONE) == expected


def test_a_quarantine_that_was_collected_forbids_a_restore_too() -> None:
    first = msgspec.structs.replace(ingested("w", "p"), quarantine=(item("q"),))
    facts = (first, DROP, ObjectsMarked("r", 2, (blob("q"),)))
    decision = when(restore("w", 1, *facts), *facts)
    assert isinstance(decision, Refused)
    assert decision.errors == ({"key": blob("q"), "event": 3},)


def test_of_many_collected_objects_the_first_are_listed() -> None:
    parts = [str(number) for number in range(NAMED_OBJECTS + 1)]
    facts = (
        registered("w", *map(item, parts)),
        DROP,
        ObjectsMarked("r", 2, tuple(map(blob, parts))),
    )
    decision = when(restore("w", 1, *facts), *facts)
    assert isinstance(decision, Refused)
    assert decision.detail == f"gc has collected {NAMED_OBJECTS + 1} objects of w (event 3)"
    assert [row["key"] for row in decision.errors] == [blob(each) for each in parts[:-1]]


def test_a_pin_holds_rows_and_quarantine_once_each() -> None:
    was = msgspec.structs.replace(WAS, objects=(item("p"), item("p")), quarantine=(item("q"),))
    assert when(PinDataset(1, was)) == DatasetPinned("w", 1, (blob("p"), blob("q")))


def test_a_dataset_that_is_as_it_was_but_for_one_thing_is_restored() -> None:
    later = restored("w", item("p"))
    facts = (ingested("w", "p"), later)
    decision = when(restore("w", 1, *facts), *facts)
    assert decision == msgspec.structs.replace(
        later, schema=COLUMNS, row_count=5, source=ingested("w", "p").source
    )


def test_a_conflict_names_every_column_with_its_problem_and_line() -> None:
    was = schema(id="string", zip="int64", left="bool")
    old = registered("w", fingerprint="f0", schema=was)
    command = ingest("w", "p", read_under="f0")
    assert command.table is not None
    now = schema(id="int64", zip="string", more="double")
    table = msgspec.structs.replace(command.table, schema=now, lines=(("zip", 9), ("id", 12)))
    decision = when(msgspec.structs.replace(command, table=table), old)
    detail = (
        "w: column id is string, the file's is int64 (line 12);"
        " column zip is int64, the file's is string (line 9);"
        " column left is missing; column more is added"
    )
    assert isinstance(decision, Refused)
    assert decision.code == "schema_conflict"
    assert decision.detail == detail
    assert decision.errors == (
        {"name": "id", "problem": "type", "was": "string", "is": "int64", "line": 12},
        {"name": "zip", "problem": "type", "was": "int64", "is": "string", "line": 9},
        {"name": "left", "problem": "missing"},
        {"name": "more", "problem": "added"},
    )


def test_a_replacement_needs_no_check_of_values_that_it_replaces() -> None:
    old = registered("w", item("q"), fingerprint="f0", schema=schema(id="int64", zip="string"))
    command = ingest("w", "p", read_under="f0", schema_change="widen")
    assert command.table is not None
    table = msgspec.structs.replace(command.table, schema=schema(id="double", zip="string"))
    wide = msgspec.structs.replace(command, table=table)
    assert not isinstance(when(wide, old), NeedsData | Refused)
    added = when(msgspec.structs.replace(wide, mode="append"), old)
    assert added == NeedsData(DataStep.CHECK_VALUES, "the dataset's values have changed")


@pytest.mark.parametrize(
    ("command", "facts", "step", "detail"),
    [
        (put("a", "1", uploaded=False), (), DataStep.UPLOAD, "the bytes are not uploaded yet"),
        (
            ingest("w", "p", table=None),
            (),
            DataStep.READ_FILE,
            "the file is not read yet",
        ),
        (
            ingest("w", "p", read_under="f0"),
            (),
            DataStep.READ_UNDER_CONTRACT,
            "the dataset's contract has changed",
        ),
        (
            ingest("w", "z", mode="append", read_under="f1", dedupe=True),
            (ingested("w", "p"), appended("w", "q"), restored("w", item("p"), item("q"))),
            DataStep.FIND_SOURCES,
            "the restored dataset's sources are not known yet",
        ),
        (
            UndoChange(2, DROP, restore("w", 1, *GONE)),
            (*GONE[:2], DatasetPinned("w", 1, (blob("p"),))),
            DataStep.FIND_LAST_CHANGE,
            "event 3 of w, which is absent now, may be a pin",
        ),
    ],
)
def test_what_is_needed_first_is_said_too(
    command: Command, facts: tuple[Data, ...], step: DataStep, detail: str
) -> None:
    assert when(command, *facts) == NeedsData(step, detail)


def test_what_the_caller_expects_is_refused_with_every_name_that_differs() -> None:
    command = CommitChangeSet((DropDataset("w"),), (("w", 3), ("v", None), ("x", 4)))
    rows = (
        {"name": "w", "expected": 3, "actual": 1},
        {"name": "x", "expected": 4, "actual": None},
    )
    detail = "2 of 3 names have changed: w is the first"
    assert when(command, ingested("w", "p")) == Refused("expectation_failed", detail, rows)


def test_a_staged_file_whose_objects_are_gone_is_said_so() -> None:
    command = ingest("w", "p")
    assert command.table is not None
    unread = msgspec.structs.replace(
        command, table=msgspec.structs.replace(command.table, uploaded=False)
    )
    detail = "the staged file is no longer available: the objects are not uploaded yet"
    assert when(CommitStaged("s", unread)) == Refused("staged_not_found", detail)


@pytest.mark.parametrize(
    ("final", "why"),
    [
        (ObjectsMarked("r", 1, ()), "a mark is final: the object may be deleted at any moment"),
        (ObjectsCollected("r", ()), "the bytes are deleted"),
        (DatasetUnpinned("w", 1), "pin it again; what it held may have been collected since"),
        (FormatRaised(1), "slots of the newer format may have been written since"),
        (LakeAdopted(1, "a" * 64, ""), "it records what happened outside the journal"),
    ],
)
def test_what_has_no_inverse_says_why(final: Data, why: str) -> None:
    assert inverse(final, given()) == Refused("cannot_undo", f"{final.TYPE}: {why}")


@pytest.mark.parametrize("count", [0, 1_001])
def test_a_change_set_of_another_size_is_refused_with_its_count(count: int) -> None:
    command = CommitChangeSet((DropDataset("w"),) * count, ())
    expected = Refused("invalid_request", f"{count:,} changes; 1 to 1,000 are allowed")
    assert when(command) == expected


def test_the_refused_change_of_a_set_is_named() -> None:
    command = CommitChangeSet((DropDataset("w"), DropDataset("v")), ())
    detail = "there is no dataset v"
    rows = ({"change": 1, "detail": detail},)
    expected = Refused("dataset_not_found", f"change 1: {detail}", rows)
    assert when(command, ingested("w", "p")) == expected


def test_a_staged_file_whose_dataset_has_moved_on_is_said_so() -> None:
    old = registered("w", item("q"), fingerprint="f0", schema=schema(id="int64", zip="string"))
    command = ingest("w", "p", mode="append", schema_change="widen", read_at=9)
    assert command.table is not None
    table = msgspec.structs.replace(command.table, schema=schema(id="double", zip="string"))
    staged = CommitStaged("s", msgspec.structs.replace(command, table=table))
    detail = "w has changed since the file was staged: the dataset's values have changed"
    assert when(staged, old) == Refused("expectation_failed", detail)


def test_a_name_that_a_view_has_is_taken() -> None:
    view = ViewPut("w", "SELECT 1", None, None, (), ())
    expected = Refused("name_taken", "there is a view w already")
    assert when(register("W"), view) == expected


def test_an_undone_profile_was_put_again() -> None:
    first, second = ProfilePut("p", (), "visible"), ProfilePut("p", (), "hidden")
    command = UndoChange(1, first, DropProfile("p"))
    decision = when(command, first, second)
    assert isinstance(decision, Refused)
    assert decision.code == "undo_conflict"


def test_a_refusal_that_is_raised_reads_as_its_code_and_detail() -> None:
    assert str(RefusedError(Refused("busy", "4 are in flight"))) == "busy: 4 are in flight"


def test_columns_in_another_order_are_rows_with_their_positions() -> None:
    rows = schema_differences(schema(a="int64", b="string"), schema(b="string", a="int64"))
    assert rows == (
        {"name": "a", "was": "int64", "is": "int64", "position": 1},
        {"name": "b", "was": "string", "is": "string", "position": 2},
    )
