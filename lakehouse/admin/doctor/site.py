"""The keys that one run of the doctor may write: below `_doctor/<run>/`, nowhere else."""

from journal.bucket import keys
from journal.bucket.errors import BucketBroken, BucketRefused, BucketUnavailable
from journal.bucket.port import Answer, Bucket, Created
from journal.bucket.s3.settings import S3Settings
from journal.clock import Clock

ATTEMPTS = 5
PAUSE_S = 0.2


class Site:
    """One run's prefix in a bucket. `keys` has every key that it returned."""

    def __init__(self, bucket: Bucket, s3: S3Settings | None, clock: Clock, run: str) -> None:
        self.bucket = bucket
        self.s3 = s3
        self.clock = clock
        self.keys: list[str] = []
        self._run = run

    def prefix(self, name: str) -> str:
        """A prefix for LIST: keys of this run that begin with `name`."""
        return keys.probe_key(self._run, name)

    def key(self, name: str) -> str:
        """A key of this run; its object is removed at the end."""
        key = keys.probe_key(self._run, name)
        self.keys.append(key)
        return key

    async def store(self, name: str, body: bytes) -> str:
        """The key of a new object. Raises BucketBroken when the store says that a key of ours,
        never used, is taken; BucketUnavailable and BucketRefused when it cannot be stored."""
        key = self.key(name)
        unanswered = False
        for _ in range(ATTEMPTS):
            created = await self.bucket.create(key, body)
            if created.answer is Answer.CREATED:
                return key
            if created.answer is Answer.EXISTS and unanswered:
                return key  # by the attempt whose answer was lost
            _expect_passing(key, created)
            unanswered = unanswered or created.answer is Answer.UNKNOWN
            await self.clock.sleep(PAUSE_S)
        raise BucketUnavailable(f"{key}: not stored in {ATTEMPTS} attempts; {created.detail}")


def expect(holds: bool, broken: str) -> None:
    """Raise BucketBroken, saying `broken`, unless it holds."""
    if not holds:
        raise BucketBroken(broken)


def _expect_passing(key: str, created: Created) -> None:
    if created.answer is Answer.REFUSED:
        raise BucketRefused(created.detail or f"{key}: refused")
    expect(created.answer is not Answer.EXISTS, f"{key}: 'taken' (412) for a key never used")
