"""The rows of objects that were rewritten: from which change each of them came."""

from builders import event, given, item, registered

from journal.events import Object, Replacement
from journal.slot import Header
from lakehouse.service.provenance.origins import Origin, Part, Parts, successors


def origin(seq: int) -> Origin:
    fact = registered("d", item(f"p{seq}"))
    header = Header(1, 1, "l", seq, "", "", "", "", seq, 1)
    return Origin(header, event(given(), fact), None, None)


ONE, TWO = origin(1), origin(2)


def parts(*found: tuple[int, int, Origin]) -> Parts:
    return tuple(Part(*each) for each in found)


def written(blobs: tuple[str, ...], *by: Object, removed: int = 0) -> dict[str, Parts]:
    before = {"a": parts((0, 3, ONE)), "b": parts((0, 2, TWO)), "ab": AB}
    return successors(Replacement(blobs, by, 0, removed), before, {"a": 3, "b": 2, "ab": 5})


AB = parts((0, 3, ONE), (3, 5, TWO))


def sized(name: str, rows: int) -> Object:
    return Object(name, name, 1, "", rows)


def test_several_objects_become_one_in_their_order() -> None:
    assert written(("a", "b"), sized("new", 5)) == {"new": AB}


def test_their_rows_are_spread_over_several_others() -> None:
    assert written(("a", "b"), sized("x", 2), sized("y", 3)) == {
        "x": parts((0, 2, ONE)),
        "y": parts((0, 1, ONE), (1, 3, TWO)),
    }


def test_of_one_upload_the_rows_that_are_left_are_its_rows() -> None:
    assert written(("a",), sized("new", 1), removed=2) == {"new": parts((0, 1, ONE))}


def test_of_several_uploads_each_stands_for_the_rows_that_are_left() -> None:
    assert written(("ab",), sized("new", 4), removed=1) == {"new": parts((0, 4, ONE), (0, 4, TWO))}


def test_no_rows_left_no_object() -> None:
    assert written(("a",), removed=3) == {}
