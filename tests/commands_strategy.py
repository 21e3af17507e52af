"""Random histories that `decide` itself has let happen: hypothesis strategies."""

from datetime import timedelta

from builders import BEGAN, EMPTY, LAKE, blob, context, item, schema, sha, source
from hypothesis import strategies as st

from journal.events import Alias
from journal.slot import Slot
from lakehouse.commit.batch import Asked, Stamp, build
from lakehouse.domain.commands import (
    Command,
    CommitChangeSet,
    DropDataset,
    DropProfile,
    DropView,
    ForgetObject,
    IngestDataset,
    PutProfile,
    PutView,
    RegisterDataset,
    RenameDataset,
    StoreObject,
    SwapDatasets,
    Table,
)
from projections.fold import fold

NAMES = st.sampled_from(["a", "A", "b", "workers"])
KEYS = st.sampled_from(["k/1", "k/2", "x"])
PARTS = st.sampled_from(["p", "q", "r"])


@st.composite
def ingests(draw: st.DrawFn) -> Command:
    part, name = draw(PARTS), draw(NAMES)
    columns = draw(st.sampled_from([schema(x="int64"), schema(x="string")]))
    table = Table(columns, columns[0].type, (item(part),), 5, (), draw(st.booleans()))
    return IngestDataset(
        name,
        draw(st.sampled_from(["replace", "append"])),
        source(part),
        table,
        draw(st.sampled_from([None, "int64", "string"])),
        draw(st.sampled_from([None, "replace"])),
        draw(st.booleans()),
    )


COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        # A blob serves one key: it is minted for it.
        lambda key, part: StoreObject(key, 10, sha(part), "text/plain", blob(key[-1] + part)),
        KEYS,
        PARTS,
    ),
    st.builds(ForgetObject, KEYS),
    st.builds(DropDataset, NAMES),
    st.builds(
        RegisterDataset,
        NAMES,
        st.sampled_from(["f", "g"]),
        st.lists(KEYS, unique=True, max_size=2).map(tuple),
        st.sampled_from([None, 1]),
    ),
    st.builds(RenameDataset, NAMES, NAMES),
    st.builds(SwapDatasets, NAMES, NAMES),
    st.builds(
        lambda name, reads: PutView(name, "SELECT 1", None, None, (), reads),
        NAMES,
        st.lists(NAMES.map(str.lower), max_size=2).map(tuple),
    ),
    st.builds(DropView, NAMES),
    st.builds(PutProfile, NAMES, st.just((Alias("x", "a", None),)), st.sampled_from(["hidden"])),
    st.builds(DropProfile, NAMES),
    ingests(),
)
CHANGE_SETS = st.builds(
    CommitChangeSet,
    st.lists(COMMANDS, min_size=1, max_size=5).map(tuple),
    st.lists(st.tuples(NAMES, st.sampled_from([None, 1, 2])), max_size=1).map(tuple),
)
CONTEXTS = st.builds(context, st.sampled_from([None, "k1", "k2"]), st.sampled_from(["r1", "r2"]))


@st.composite
def histories(draw: st.DrawFn) -> list[Slot]:
    """Slots as batches of random commands make them, each decided on the state before it."""
    state, slots = EMPTY, []
    asked: list[list[Asked]] = draw(
        st.lists(
            st.lists(st.tuples(st.one_of(COMMANDS, CHANGE_SETS), CONTEXTS), max_size=4), max_size=8
        )
    )
    for number, commands in enumerate(asked):
        stamp = Stamp(LAKE.lake, f"c{number}", "w", BEGAN + timedelta(seconds=number))
        closed = build(state, commands, stamp).closed
        if closed is not None:
            slots.append(closed.slot)
            state = fold(state, closed.slot)
    return slots
