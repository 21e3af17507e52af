"""The commit table, row by row: pure."""

import pytest

from journal.bucket.port import Answer
from journal.commit import Found, Progress, Step, after_put, after_read

FRESH = Progress()
DOUBTFUL = Progress(doubtful=True)


@pytest.mark.parametrize(
    ("before", "answer", "after"),
    [
        (FRESH, Answer.CREATED, Progress(Step.COMMITTED)),
        (DOUBTFUL, Answer.CREATED, Progress(Step.COMMITTED)),
        (FRESH, Answer.EXISTS, Progress(Step.READ, taken=True)),
        (DOUBTFUL, Answer.EXISTS, Progress(Step.READ, doubtful=True, taken=True)),
        (FRESH, Answer.CONFLICT, Progress(Step.PUT_AGAIN, doubtful=True, pause=True)),
        (FRESH, Answer.UNKNOWN, Progress(Step.READ, doubtful=True, pause=True)),
        (FRESH, Answer.REFUSED, Progress(Step.FAILED)),
        (DOUBTFUL, Answer.REFUSED, Progress(Step.READ, doubtful=True, pause=True)),
    ],
)
def test_what_a_put_s_answer_means(before: Progress, answer: Answer, after: Progress) -> None:
    assert after_put(before, answer) == after


@pytest.mark.parametrize(
    ("before", "found", "step"),
    [
        (DOUBTFUL, Found.OURS, Step.COMMITTED),
        (DOUBTFUL, Found.ANOTHERS, Step.LOST),
        (DOUBTFUL, Found.ABSENT, Step.PUT_AGAIN),
        (DOUBTFUL, None, Step.READ),
        (Progress(taken=True), Found.ABSENT, Step.BROKEN),
        (Progress(taken=True), None, Step.READ),
    ],
)
def test_what_a_look_at_the_slot_means(before: Progress, found: Found | None, step: Step) -> None:
    assert after_read(before, found).step is step


def test_doubt_is_kept_until_the_slot_is_settled() -> None:
    progress = after_read(after_put(FRESH, Answer.UNKNOWN), Found.ABSENT)
    assert after_put(progress, Answer.REFUSED).step is not Step.FAILED
    assert after_read(after_put(progress, Answer.EXISTS), None).doubtful
