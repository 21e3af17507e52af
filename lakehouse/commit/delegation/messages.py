"""What two processes of one machine send each other about changes; as bytes, and back. Pure.

Owns which changes may be handed over. Must never be stored: both sides are of the same release.
"""

import msgspec

from lakehouse.domain.commands import (
    Command,
    Context,
    DropDataset,
    DropProfile,
    DropView,
    ForgetObject,
    IngestDataset,
    PutProfile,
    PutView,
    RegisterDataset,
    RenameDataset,
    RewriteDataset,
    StoreObject,
    SwapDatasets,
)

PROPOSAL_BYTES = 256 * 1024
"""A larger change is committed by the process that received it."""


class Hello(msgspec.Struct, frozen=True, tag=True):
    """The first message of either side: its lake, its release, and its name in slots."""

    lake: str
    release: str
    writer: str


class Proposal(msgspec.Struct, frozen=True, tag=True):
    """Commit this change. It was in no slot up to `head`, and waited for `age_s` seconds."""

    kind: str
    command: msgspec.Raw
    context: Context
    age_s: float
    head: int


class Declined(msgspec.Struct, frozen=True, tag=True):
    """The change with this id was not committed, and the sender will not commit it.

    `decided`: it found nothing to commit, so the other side answers it; otherwise another process leads.
    """

    command: str
    decided: bool


class TurnWanted(msgspec.Struct, frozen=True, tag=True):
    """The sender has a change that it must commit itself: leave it the next slot."""


class Pushed(msgspec.Struct, frozen=True, tag=True):
    """These bytes are in the journal at `position`."""

    position: int
    slot: bytes


Message = Hello | Proposal | Declined | TurnWanted | Pushed

_KINDS: dict[str, type[Command]] = {
    kind.__name__: kind
    for kind in (
        *(StoreObject, ForgetObject, RegisterDataset, IngestDataset, RewriteDataset, DropDataset),
        *(RenameDataset, SwapDatasets, PutView, DropView, PutProfile, DropProfile),
    )
}


def may_hand_over(command: Command) -> bool:
    """Whether changes of this kind can be sent: those that clients make often."""
    return type(command).__name__ in _KINDS


def proposal(command: Command, context: Context, age_s: float, head: int) -> bytes:
    """The message that proposes a change for which `may_hand_over` is true."""
    raw = msgspec.Raw(msgspec.msgpack.encode(command))
    return encode(Proposal(type(command).__name__, raw, context, age_s, head))


def command_of(message: Proposal) -> Command:
    """The proposed change. Raises msgspec.ValidationError."""
    kind = _KINDS.get(message.kind)
    if kind is None:
        raise msgspec.ValidationError(f"changes of kind {message.kind!r} cannot be handed over")
    return msgspec.msgpack.decode(message.command, type=kind)


def encode(message: Message) -> bytes:
    """The bytes of a message."""
    return msgspec.msgpack.encode(message)


def decode(body: bytes) -> Message:
    """The message in these bytes. Raises msgspec.DecodeError."""
    message: Message = msgspec.msgpack.decode(body, type=Message)
    return message
