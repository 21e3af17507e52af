"""The proof in a form: of this lake and this session, and of no other."""

import msgspec
from manual_clock import ManualClock

from lakehouse.console.sessions import Session, Sessions


class Key:
    """A lake's key that is there already."""

    async def ensure(self) -> None:
        pass

    async def hex(self) -> str:
        return "ab" * 32


async def test_a_proof_is_of_one_session_alone() -> None:
    sessions = Sessions(Key(), ManualClock())  # type: ignore[arg-type]
    await sessions.load()
    ours = Session("ann", "t1", 1, 0.0, id="a")
    theirs = msgspec.structs.replace(ours, id="b")
    proof = sessions.form_token(ours)
    assert sessions.proves(proof, ours)
    assert sessions.form_token(ours) != proof, "no two pages show the same"
    changed = f"{int(proof[0], 16) ^ 1:x}{proof[1:]}"
    for token in (sessions.form_token(theirs), sessions.form_token(None), changed, proof[2:], ""):
        assert not sessions.proves(token, ours)
    assert not sessions.proves(proof, None)
