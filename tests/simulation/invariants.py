"""What must hold whatever happens: one small function for each promise, with its reason."""

import hashlib
import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator

import msgspec
import zstandard

from journal.bucket.keys import CHECKPOINTS, PACKS
from journal.slot import decode_slot, genesis
from lakehouse.commit.limits import CommitLimits
from lakehouse.domain.errors import Refused
from lakehouse.service.changes import Settled
from projections.codec import state_root
from projections.fold import empty, fold
from tests.simulation.gc_checks import COLLECTION
from tests.simulation.hosts import COLLECTOR
from tests.simulation.model import judge
from tests.simulation.plain_state import PlainSlot, states_of
from tests.simulation.record import Crashed, Record, Request
from tests.simulation.verdicts import Verdict, essentials

LAKE = "_journal/lake.json"
FAULTS = ("bucket_broken", "journal_corrupt", "upgrade_required", "internal_error", "object_lost")
UNDECIDED = ("not_committed", "busy", "clock_skew", "bucket_unavailable", "bucket_refused")
"""Refusals that say nothing about the state."""


class Evidence:
    """A run's record beside the journal that it left, indexed for the questions below."""

    def __init__(self, record: Record, objects: dict[str, bytes], slots: list[PlainSlot]) -> None:
        self.record = record
        self.objects = objects
        self.slots = slots
        self.states = states_of(slots)
        self.events = {event["seq"]: event for slot in slots for event in slot.events}
        self.made = Counter(event["correlation"] for event in self.events.values())
        self.asked = {request.id: request for request in record.requests}
        self._roots: list[str] = []
        self._landed = [slot.landed_at for slot in slots]

    def seq_at(self, time: float) -> int:
        """The last seq that was in the journal at that moment."""
        position = bisect_right(self._landed, time)
        return self.slots[position - 1].events[-1]["seq"] if position else 0

    def roots(self) -> list[str]:
        """The root after each position, by a fold of the bytes in the store; [0] of no slot."""
        if not self._roots:
            state = empty(genesis(self.objects[LAKE]))
            self._roots = [state_root(state)]
            for position, slot in enumerate(self.slots, 1):
                state = fold(state, decode_slot(slot.body, position))
                self._roots.append(state_root(state))
        return self._roots

    def verdict(self, request: Request, seq: int) -> Verdict:
        """What the plain model says to a request on the state after event `seq`."""
        return judge(self.states[seq], request.command, request.actor, request.key, _hash(request))

    def answered(self) -> Iterator[Request]:
        """Requests that got an answer, whatever it was."""
        for request in self.record.requests:
            if isinstance(request.answer, Settled | Refused):
                yield request


def broken_promises(record: Record, objects: dict[str, bytes], slots: list[PlainSlot]) -> list[str]:
    """Every promise that this run broke, in words. A broken chain is judged no further."""
    if broken := [*the_chain_is_whole(objects, slots), *no_node_halts(record)]:
        return broken
    evidence = Evidence(record, objects, slots)
    return [broken for invariant in INVARIANTS for broken in invariant(evidence)]


def the_chain_is_whole(objects: dict[str, bytes], slots: list[PlainSlot]) -> Iterator[str]:
    """One commit a slot, each joined to the one before: else readers disagree about what is true."""
    if len(slots) != sum(key.startswith("_journal/slots/") for key in objects):
        yield f"there are slots behind the gap at {len(slots) + 1}"
    prev = hashlib.sha256(objects.get(LAKE, b"")).hexdigest()
    seq, at, landed_at = 0, "", 0.0
    for position, slot in enumerate(slots, 1):
        header = slot.header
        if (header["position"], header["prev"], header["first_seq"]) != (position, prev, seq + 1):
            yield f"slot {position} does not follow the one before"
        if [event["seq"] for event in slot.events] != [*range(seq + 1, seq + 1 + header["events"])]:
            yield f"slot {position}: its seqs have a gap"
        if header["at"] <= at or slot.landed_at < landed_at:
            yield f"slot {position}: time does not advance"
        seq, prev = seq + header["events"], slot.sha256
        at, landed_at = header["at"], slot.landed_at
    for commit, count in Counter(slot.header["commit"] for slot in slots).items():
        if count > 1:
            yield f"commit {commit} is in {count} slots"


def no_node_halts(record: Record) -> Iterator[str]:
    """The store kept its promises, so a node that stops writing has misread it."""
    yield from (f"halted without a reason: {halt}" for halt in record.halts)


def every_event_was_asked_for_and_is_right(evidence: Evidence) -> Iterator[str]:
    """Decided on the very state it follows: an event decided on another state loses an update."""
    for seq, event in evidence.events.items():
        request = evidence.asked.get(event["correlation"])
        if event["correlation"] == COLLECTOR:
            continue
        if request is None:
            yield f"event {seq} was never asked for"
        elif (expected := evidence.verdict(request, seq - 1)) != essentials(event):
            yield f"event {seq} is {essentials(event)}, its state asks for {expected} ({request.id})"


def nothing_erased_comes_back(evidence: Evidence) -> Iterator[str]:
    """No state after an erasure refers to an object that it replaced, whatever was restored or undone."""
    for state in evidence.states:
        for blob in sorted(state.referred() & state.erased.keys()):
            yield f"event {state.seq} refers to {blob}, whose rows were erased"


def nothing_acknowledged_is_lost(evidence: Evidence) -> Iterator[str]:
    """Each acknowledged request has exactly one event, with the acknowledged seq and data."""
    for request in evidence.answered():
        answer = request.answer
        if not isinstance(answer, Settled) or answer.event is None:
            continue
        event = evidence.events.get(answer.seq)
        if event is None or event["command"] != answer.event.command:
            yield f"{request.id} was answered with event {answer.seq}, which does not exist"
        elif event["data"] != json.loads(msgspec.json.encode(answer.event.data)):
            yield f"{request.id} was answered with other data than event {answer.seq} has"
        elif answer.fresh and event["correlation"] != request.id:
            yield f"{request.id} was answered that event {answer.seq} is its own"
        elif answer.seq > evidence.seq_at(request.answered_at):
            yield f"{request.id} was answered with event {answer.seq} before it was in the journal"


def nothing_is_there_twice(evidence: Evidence) -> Iterator[str]:
    """Whatever the answer, a request makes at most one event."""
    for correlation, count in evidence.made.items():
        if count > 1 and correlation != COLLECTOR:
            yield f"{correlation} has {count} events"


def what_was_refused_is_not_there(evidence: Evidence) -> Iterator[str]:
    """`not_committed`, a refusal and `unchanged` are certain: the sender may rely on it."""
    for request in evidence.answered():
        answer = request.answer
        doubtful = isinstance(answer, Refused) and answer.code == "outcome_unknown"
        fresh = isinstance(answer, Settled) and answer.fresh
        if not doubtful and not fresh and evidence.made[request.id]:
            yield f"{request.id} got {_answer_text(answer)}, and its event is in the journal"


def a_key_makes_one_event(evidence: Evidence) -> Iterator[str]:
    """A retry under the same key, on any node, after any crash, at the same time: one event."""
    seqs: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for seq, event in evidence.events.items():
        if event["key"] is not None:
            owner = event["actor"] if evidence.states[seq - 1].principals else "anyone"
            seqs["the key of", owner, event["key"]].append(seq)
            seqs["the request", event["request"], event["key"]].append(seq)
    for key, found in seqs.items():
        if len(found) > 1:
            yield f"{key} made the events {found}"


def a_replay_is_of_its_own_key(evidence: Evidence) -> Iterator[str]:
    """An answer from memory is the answer of the request that it repeats."""
    for request in evidence.answered():
        answer = request.answer
        if isinstance(answer, Settled) and answer.event is not None and not answer.fresh:
            event = evidence.events.get(answer.seq, {})
            if (event.get("actor"), event.get("key")) != (request.actor, request.key):
                yield f"{request.id} was answered with event {answer.seq}, which another made"


def what_needs_no_event_was_true_meanwhile(evidence: Evidence) -> Iterator[str]:
    """Linearizable: at some moment between request and answer the state was as the answer says.

    Otherwise a node that lags answers `unchanged` after another's overwrite was acknowledged.
    """
    for request in evidence.answered():
        answer = request.answer
        if isinstance(answer, Refused):
            expected: Verdict = ("refused", answer.code)
            if answer.code in (*UNDECIDED, "outcome_unknown"):
                continue
        elif answer.event is None:
            expected = ("unchanged", answer.seq)
        else:
            continue
        first, last = evidence.seq_at(request.sent_at), evidence.seq_at(request.answered_at)
        if all(evidence.verdict(request, seq) != expected for seq in range(first, last + 1)):
            yield f"{request.id} got {_answer_text(answer)}: false from event {first} to {last}"


def reads_see_what_they_ask_for(evidence: Evidence) -> Iterator[str]:
    """A read with X-Min-Seq sees that event, and nothing that is not in the journal."""
    for read in evidence.record.reads:
        if read.seq < read.min_seq:
            yield f"{read.host} showed {read.seq} to a reader that asked for {read.min_seq}"
        elif read.position and evidence.slots[read.position - 1].sha256 != read.sha256:
            yield f"{read.host} showed a state at {read.position} that the journal does not hold"


def all_nodes_agree_with_a_replay(evidence: Evidence) -> Iterator[str]:
    """Equal roots, and equal to the fold of the bytes in the store, from the first slot."""
    expected = evidence.roots()[-1]
    for process, root in evidence.record.roots.items():
        if root != expected:
            yield f"{process} has root {root[:8]}, a replay {expected[:8]}"


def checkpoints_equal_replays(evidence: Evidence) -> Iterator[str]:
    """A checkpoint is the fold up to its slot: who opens from it must see what others see."""
    roots = evidence.roots()
    for key, body in evidence.objects.items():
        if key.startswith(CHECKPOINTS):
            root = hashlib.sha256(
                zstandard.ZstdDecompressor().decompressobj().decompress(body)
            ).hexdigest()
            position = int(key.split("-")[-2])
            if roots[position] != root or not key.endswith(f"-{root[:16]}.zst"):
                yield f"{key} is not the state at slot {position}"


def packs_hold_exact_bytes(evidence: Evidence) -> Iterator[str]:
    """A pack is its slots' bytes, one after the other."""
    for key, body in evidence.objects.items():
        if key.startswith(PACKS):
            first, last = (int(part) for part in key.removeprefix(PACKS)[:41].split("-"))
            bodies = [slot.body for slot in evidence.slots[first - 1 : last]]
            if zstandard.ZstdDecompressor().decompressobj().decompress(body) != b"".join(bodies):
                yield f"{key} holds other bytes than its slots"


def every_answer_comes_in_time(evidence: Evidence) -> Iterator[str]:
    """Bounded retries: the deadline holds, but for the time that the process stood still.

    An ingest that finds its dataset's contract changed is read and submitted again. To render a
    receipt from memory takes reads after the deadline, which the bucket has to bound.
    """
    for request in evidence.answered():
        took_s = request.answered_at - request.sent_at - request.stood_still_s
        allowed_s = CommitLimits().deadline_s * (1 + request.read_again) + request.bringing_s + 1
        if not _is_of_memory(request.answer) and took_s > allowed_s:
            yield f"{request.id} waited {took_s:.1f} s, at most {allowed_s:.1f} s are allowed"


def every_request_is_answered(evidence: Evidence) -> Iterator[str]:
    """An answer or a broken connection, for everyone; and no answer that means broken machinery."""
    for request in evidence.record.requests:
        if request.answer is None:
            yield f"{request.id} was never answered"
        elif isinstance(request.answer, Refused) and request.answer.code in FAULTS:
            yield f"{request.id} got {_answer_text(request.answer)}"


def a_clock_that_is_far_off_writes_nothing(evidence: Evidence) -> Iterator[str]:
    """A process more than 60 s off the store's clock would make as-of times lie."""
    for event in evidence.events.values():
        request = evidence.asked.get(event["correlation"])
        if request is not None and request.host in evidence.record.forbidden:
            yield f"event {event['seq']} comes from {request.host}, whose clock is far off"


INVARIANTS = (
    every_event_was_asked_for_and_is_right,
    nothing_erased_comes_back,
    nothing_acknowledged_is_lost,
    nothing_is_there_twice,
    what_was_refused_is_not_there,
    a_key_makes_one_event,
    a_replay_is_of_its_own_key,
    what_needs_no_event_was_true_meanwhile,
    reads_see_what_they_ask_for,
    all_nodes_agree_with_a_replay,
    checkpoints_equal_replays,
    packs_hold_exact_bytes,
    every_answer_comes_in_time,
    every_request_is_answered,
    a_clock_that_is_far_off_writes_nothing,
    *COLLECTION,
)


def _hash(request: Request) -> str | None:
    """The request's hash as FORMAT.md has it: route, query, actor, payload."""
    if request.key is None:
        return None
    parts = ["simulation", [], request.actor, request.payload]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def _is_of_memory(answer: object) -> bool:
    if isinstance(answer, Refused):
        return answer.code in ("bucket_unavailable", "bucket_refused")
    return isinstance(answer, Settled) and answer.event is not None and not answer.fresh


def _answer_text(answer: Settled | Refused | Crashed | None) -> str:
    if isinstance(answer, Settled):
        return f"seq {answer.seq} without an event of its own"
    return f"{answer.code}: {answer.detail}" if isinstance(answer, Refused) else "nothing"
