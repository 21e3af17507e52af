"""Every answer that the command line prints as JSON and HTTP does not have: members and struct."""

import json
from typing import Any

import pytest
from answer_members import (
    ANY,
    CHANGE,
    COLLECTED,
    DRY_RUN,
    ERASED,
    EVENT,
    GC,
    MANIFEST,
    RECEIPT,
    SUMMARY,
    UNDONE,
    members,
)
from command_line import CommandLine, csv
from documented_answers import decoded

from lakehouse.admin.export import Progress
from lakehouse.admin.repair import Repaired
from lakehouse.api.administration import (
    CheckpointMade,
    PacksMade,
    Promise,
    RecordedChange,
    ReplayedState,
    VerifiedHead,
    WhatIfReport,
)
from lakehouse.api.catalog.datasets import ListedDataset, Manifest
from lakehouse.api.gc import GcReport
from lakehouse.api.history.journal import JournalEvent, JournalHead
from lakehouse.api.history.time_travel import Undone
from lakehouse.api.ingest.answers import IngestDryRun, IngestReceipt, QuarantineRow
from lakehouse.api.problem import CommandProblem
from lakehouse.api.rows import EraseReport

pytestmark = pytest.mark.usefixtures("elsewhere")
HEAD = {"seq": 0, "slot": 0, "sha256": 0, "at": 0}


def check(text: str, struct: type[Any], expected: Any) -> Any:
    """The last line as JSON, once it has its members and is what its struct says."""
    line = text.strip().splitlines()[-1].encode()
    found = json.loads(line)
    members(found, expected)
    decoded(line, struct)
    return found


def test_datasets_and_their_history(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    check(lakehouse("datasets", "--json"), ListedDataset, SUMMARY)
    check(lakehouse("show", "t", "--json"), Manifest, MANIFEST)
    check(lakehouse("history", "t", "--json"), JournalEvent, EVENT)
    check(lakehouse("journal", "events", "--json"), JournalEvent, EVENT)


def test_ingest_its_dry_run_and_its_quarantine(lakehouse: CommandLine) -> None:
    file = csv("a,,c\n1,x,0.10000000000000000001\n2\n")
    exact = ("--types", "c:double")
    dry = lakehouse("ingest", file, "--name", "t", *exact, "--dry-run", "--json")
    check(dry, IngestDryRun, DRY_RUN)
    words = ("ingest", file, "--name", "t", "--on-error", "quarantine", *exact, "--json")
    check(lakehouse(*words), IngestReceipt, RECEIPT)
    row = {"key": 0, "seq": 0, "line": 0, "column": 0, "reason": 0, "raw": 0}
    check(lakehouse("quarantine", "t", "--json"), QuarantineRow, row)


def test_undo_and_gc(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    lakehouse("drop", "t")
    check(lakehouse("undo", "2", "--json"), Undone, UNDONE)
    gc = ("gc", "--older-than", "0s", "--json")
    check(lakehouse(*gc), GcReport, GC | {"foreign": ANY})
    check(lakehouse(*gc, "--apply"), GcReport, COLLECTED | {"foreign": ANY})


def test_erase(lakehouse: CommandLine) -> None:
    file = csv("a\n1\n")
    lakehouse("ingest", file, "--name", "t")
    words = ("erase", "t", "--where", "a = 1", "--reason", "request", "--json")
    check(lakehouse(*words), EraseReport, ERASED | {"also": ANY})
    check(lakehouse(*words, "--apply"), EraseReport, ERASED | {"also": ANY})


def test_the_journal_s_tools(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    head = check(lakehouse("journal", "head", "--json"), JournalHead, HEAD)
    check(
        lakehouse("journal", "verify", "--json"),
        VerifiedHead,
        HEAD | {"verified": 0, "damaged_caches": ANY},
    )
    state = HEAD | {
        "datasets": 0, "keys": 0, "versions": 0, "remembered_requests": 0, "state_root": 0,
    }  # fmt: skip
    check(lakehouse("journal", "replay", "--json"), ReplayedState, state)
    check(lakehouse("journal", "checkpoint", "--json"), CheckpointMade, {"checkpoint": 0})
    check(lakehouse("journal", "pack", "--json"), PacksMade, {"packs": ANY})
    repaired = {"removed": 0, "checkpoints": 0, "packs": 0}
    check(lakehouse("journal", "replay", "--repair", "--json"), Repaired, repaired)
    copied = {"objects": 0, "slots": 0, "copied": 0}
    check(lakehouse("journal", "export", "copy", "--json"), Progress, copied)
    noted = f"{head['seq']}:{head['sha256']}"
    words = ("journal", "adopt", "--previous", noted, "--note", "n", "--bucket", "copy", "--json")
    check(lakehouse(*words), RecordedChange, {"seq": 0, "recorded": 0})


def test_what_if(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    lakehouse("ingest", csv("a\n1\n"), "--name", "u")
    lakehouse("drop", "u")
    refused = {"seq": 0, "type": 0, "code": 0, "why": 0}
    report = {"seq": 0, "datasets": ANY, "refused": [refused]}
    reported = lakehouse("journal", "replay", "--without", "2", "--json")
    check(reported, WhatIfReport, report)
    reported = lakehouse("journal", "replay", "--without", "1", "--json")
    changes = {"schema": ANY, "objects": {"added": ANY, "removed": ANY}}
    check(reported, WhatIfReport, report | {"datasets": [CHANGE | changes], "refused": ANY})


def test_a_refusal(lakehouse: CommandLine) -> None:
    lakehouse("ingest", csv("a\n1\n"), "--name", "t")
    lakehouse("ingest", csv("a\nx\n"), "--name", "u")
    reported = lakehouse("ingest", csv("a\nx\n"), "--name", "t", "--json", code=1)
    check(reported, CommandProblem, {"code": 0, "detail": 0, "errors": [ANY]})


def test_doctor(lakehouse: CommandLine) -> None:
    promise = {"promise": 0, "verdict": 0, "why": 0, "code": 0}
    check(lakehouse("doctor", "--json"), Promise, promise)
