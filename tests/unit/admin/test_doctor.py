"""The doctor names the promise that a bad store breaks, and no other; the start refuses it."""

import bad_stores
import pytest
from bad_stores import IsOutOfReach, LosesAnswers, TakesNothing

from journal.bucket.errors import BucketRefused
from journal.bucket.keys import PROBED_ONCE, is_removable
from journal.bucket.memory import MemoryBucket
from journal.bucket.removal import remove
from journal.bucket.s3.settings import S3Settings
from journal.clock import SystemClock
from lakehouse.admin.doctor import access
from lakehouse.admin.doctor.examination import PROBES, examine, verdict_on
from lakehouse.admin.doctor.finding import ProbeResult, Verdict
from lakehouse.admin.doctor.site import Site
from lakehouse.admin.doctor.start import refuse_unfit
from lakehouse.domain.errors import CODES, RefusedError

RUN = "0193a000-0000-7000-8000-000000000000"


class QuickClock(SystemClock):
    """The machine's time; nobody sleeps."""

    async def sleep(self, delay_s: float) -> None:
        return


async def examined(bucket: MemoryBucket) -> list[ProbeResult]:
    return [each async for each in examine(Site(bucket, None, QuickClock(), RUN))]


def those(findings: list[ProbeResult], verdict: Verdict) -> set[str]:
    return {each.promise for each in findings if each.verdict is verdict}


@pytest.mark.parametrize(
    ("store", "broken"),
    [
        # Where If-None-Match is ignored, no promise about creating holds.
        ("IgnoresConditions", {"create_if_absent", "one_winner", "taken_is_412"}),
        ("LetsSeveralWin", {"one_winner"}),
        ("KeepsTheLosersBytes", {"create_if_absent", "one_winner"}),
        ("SaysConflictForTaken", {"taken_is_412"}),
        ("AnswersAbsentAsEmpty", {"absent_is_404"}),
        ("RemembersWhatWasAbsent", {"read_after_write"}),
        ("ListsLate", {"list_after_write"}),
        ("ListsInAnyOrder", {"ordered_list"}),
        ("ListsWithoutRegardToCase", {"ordered_list"}),
        ("ListsFromTheStart", {"list_from_a_point"}),
        ("ListsAll", {"list_from_a_point"}),
        ("IgnoresRanges", {"ranges"}),
    ],
)
async def test_a_broken_promise_is_named_and_ends_with_4(store: str, broken: set[str]) -> None:
    findings = await examined(getattr(bad_stores, store)())
    assert those(findings, Verdict.BROKEN) == broken, findings
    refusal = verdict_on("memory://", findings)
    assert refusal is not None
    assert (refusal.code, CODES[refusal.code].exit) == ("store_unfit", 4)
    assert all(promise in refusal.detail for promise in broken)


async def test_a_store_that_says_taken_for_what_was_never_used_is_named() -> None:
    findings = await examined(bad_stores.SaysTakenAlways())
    assert {"create_if_absent", "one_winner"} <= those(findings, Verdict.BROKEN)


async def test_a_clock_that_is_off_is_the_clocks_fault_and_not_the_stores() -> None:
    findings = await examined(bad_stores.LivesAnHourAgo())
    assert those(findings, Verdict.BROKEN) == {"clock"}
    refusal = verdict_on("memory://", findings)
    assert refusal is not None
    assert (refusal.code, CODES[refusal.code].exit) == ("clock_skew", 3)
    assert "+3600 s" in refusal.detail


async def test_a_sound_store_keeps_every_promise() -> None:
    findings = await examined(MemoryBucket())
    assert those(findings, Verdict.HOLDS) == PROBES.keys() - {"credentials"}
    assert verdict_on("memory://", findings) is None


async def test_a_store_out_of_reach_is_asked_once_and_ends_with_3() -> None:
    findings = await examined(IsOutOfReach())
    assert [(each.promise, each.verdict) for each in findings] == [("clock", Verdict.UNJUDGED)]
    refusal = verdict_on("memory://", findings)
    assert refusal is not None
    assert (refusal.code, CODES[refusal.code].exit) == ("bucket_unavailable", 3)


async def test_a_store_that_takes_nothing_is_not_judged_and_ends_with_3() -> None:
    findings = await examined(TakesNothing())
    assert those(findings, Verdict.BROKEN) == set()
    assert "create_if_absent" in those(findings, Verdict.UNJUDGED)
    refusal = verdict_on("memory://", findings)
    assert refusal is not None
    assert CODES[refusal.code].exit == 3


async def test_lost_answers_break_no_promise() -> None:
    assert those(await examined(LosesAnswers()), Verdict.BROKEN) == set()


async def test_probes_are_stored_below_their_run_and_nowhere_else() -> None:
    bucket = MemoryBucket()
    await bucket.create("_journal/lake.json", b"live")
    site = Site(bucket, None, QuickClock(), RUN)
    assert [each async for each in examine(site)]
    stored = set(bucket._objects) - {"_journal/lake.json"}
    assert stored <= set(site.keys)
    assert all(is_removable(key) for key in site.keys)
    assert await bucket.read("_journal/lake.json") == b"live"


class HidesWhatIsThere(MemoryBucket):
    """What a stranger may not read, and may yet create."""

    async def read(self, key: str) -> bytes:
        raise BucketRefused(f"{key}: the store answered 403")


@pytest.mark.parametrize(
    ("seen_with_a_wrong_secret", "verdict", "why"),
    [
        (TakesNothing, Verdict.HOLDS, "neither"),
        (IsOutOfReach, Verdict.UNJUDGED, "no answer"),
        (HidesWhatIsThere, Verdict.BROKEN, "may create"),
        (None, Verdict.BROKEN, "may read"),
    ],
)
async def test_a_store_that_takes_any_secret_is_named(
    monkeypatch: pytest.MonkeyPatch,
    seen_with_a_wrong_secret: type[MemoryBucket] | None,
    verdict: Verdict,
    why: str,
) -> None:
    bucket, secrets = MemoryBucket(), []

    async def opened(url: str, settings: S3Settings) -> MemoryBucket:
        secrets.append(settings.secret_access_key)
        return seen_with_a_wrong_secret() if seen_with_a_wrong_secret else bucket

    monkeypatch.setattr(access, "open_bucket", opened)
    s3 = S3Settings(bucket="name", access_key_id="id", secret_access_key="right")
    findings = [each async for each in examine(Site(bucket, s3, QuickClock(), RUN))]
    assert secrets == [access.WRONG]
    assert (findings[-1].promise, findings[-1].verdict) == ("credentials", verdict)
    assert why in findings[-1].why


@pytest.mark.parametrize(
    "key",
    [
        PROBED_ONCE, "_doctor/", f"_doctor/{RUN}", f"_doctor/{RUN}/", f"_doctor/{RUN}/../../x",
        f"_doctor/{RUN}//x", f"_doctor/../{RUN}/x", "_journal/slots/00000000000000000001.ndjson",
        "_journal/lake.json", f"datasets/_doctor/{RUN}/x", "objects/x", "", "/",
    ],
)  # fmt: skip
async def test_nothing_but_a_runs_probe_can_be_removed(key: str) -> None:
    assert not is_removable(key)
    with pytest.raises(ValueError, match="neither a probe"):
        await remove("memory://", None, [f"_doctor/{RUN}/x", key])


@pytest.mark.parametrize(
    ("store", "code", "promise"),
    [
        ("IgnoresConditions", "store_unfit", "create_if_absent"),
        ("AnswersAbsentAsEmpty", "store_unfit", "absent_is_404"),
    ],
)
async def test_a_start_refuses_an_unfit_store(store: str, code: str, promise: str) -> None:
    bucket = getattr(bad_stores, store)()
    for _ in ("the first start", "a later one"):
        with pytest.raises(RefusedError) as caught:
            await refuse_unfit(bucket, SystemClock())
        assert caught.value.refused.code == code
        assert promise in caught.value.refused.detail


@pytest.mark.parametrize("store", [IsOutOfReach, TakesNothing, bad_stores.LivesAnHourAgo])
async def test_a_start_goes_on_where_nothing_can_be_lost(store: type[MemoryBucket]) -> None:
    await refuse_unfit(store(), SystemClock())


async def test_starts_leave_one_object_and_later_ones_ask_once() -> None:
    asked: list[str] = []

    class Counted(MemoryBucket):
        async def create(self, key: str, body: bytes):  # type: ignore[no-untyped-def]
            asked.append(key)
            return await super().create(key, body)

    bucket = Counted()
    for starts in range(1, 4):
        await refuse_unfit(bucket, SystemClock())
        assert asked == [PROBED_ONCE] * (starts + 1)
    assert list(bucket._objects) == [PROBED_ONCE]
