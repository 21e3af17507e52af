"""Administration of a lake: answers of the command line. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from lakehouse.api.fields import EXAMPLE_SHA256, Seq
from lakehouse.api.history.journal import JournalHead
from lakehouse.api.history.time_travel import DatasetChange


class RecordedChange(msgspec.Struct, frozen=True):
    """The change of an operator."""

    seq: Annotated[Seq, Meta(description="The event that records it.")]
    recorded: Annotated[
        bool, Meta(description="Whether this command made the event.", examples=[True])
    ]


class CheckpointMade(msgspec.Struct, frozen=True):
    """The checkpoint that `journal checkpoint` made."""

    checkpoint: Annotated[str | None, Meta(description="Its key; null if there was none to make.")]


class PacksMade(msgspec.Struct, frozen=True):
    """The packs that `journal pack` made."""

    packs: Annotated[list[str], Meta(description="Their keys.")]


class VerifiedHead(JournalHead, frozen=True, kw_only=True):
    """The last event and slot that `journal verify` has verified."""

    verified: Annotated[bool, Meta(description="`true`.", examples=[True])]
    damaged_caches: Annotated[
        list[str],
        Meta(
            description="Keys of checkpoints and packs that are damaged. They are ignored: the "
            "slots hold everything."
        ),
    ]


class ReplayedState(JournalHead, frozen=True, kw_only=True):
    """The state that `journal replay` computed from the slots alone."""

    datasets: Annotated[int, Meta(description="Number of datasets.", examples=[3])]
    keys: Annotated[int, Meta(description="Number of keys in storage.", examples=[12])]
    versions: Annotated[
        int, Meta(description="Number of versions that can still be read.", examples=[15])
    ]
    remembered_requests: Annotated[
        int, Meta(description="Number of idempotency keys in the state.", examples=[2])
    ]
    state_root: Annotated[
        str, Meta(description="Hash of the state: equal on every node.", examples=[EXAMPLE_SHA256])
    ]


class ImpossibleEvent(msgspec.Struct, frozen=True):
    """An event that would have been refused without the events left out."""

    seq: Seq
    type: Annotated[str, Meta(description="Type of the event.", examples=["dataset_dropped"])]
    code: Annotated[
        str, Meta(description="The error code of its change.", examples=["dataset_not_found"])
    ]
    why: Annotated[
        str, Meta(description="The cause in words.", examples=["there is no dataset sales"])
    ]


class WhatIfReport(msgspec.Struct, frozen=True):
    """What `journal replay --without` found."""

    seq: Annotated[Seq, Meta(description="The last event that was replayed.")]
    datasets: list[DatasetChange]
    refused: list[ImpossibleEvent]


class Promise(msgspec.Struct, frozen=True):
    """Whether the store keeps a promise: a line of `doctor --json`."""

    promise: Annotated[
        str, Meta(description="The promise.", examples=["create-if-absent has one winner"])
    ]
    verdict: Annotated[str, Meta(description="The verdict.", examples=["kept"])]
    why: Annotated[str, Meta(description="What was observed.", examples=["1 of 16 won"])]
    code: Annotated[
        str | None, Meta(description="The error code if it is broken.", examples=[None])
    ]
