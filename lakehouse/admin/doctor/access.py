"""The probe of credentials: a store that accepts any credentials protects nothing."""

import msgspec

from journal.bucket.errors import BucketRefused, BucketUnavailable, ObjectMissing
from journal.bucket.opening import open_bucket
from journal.bucket.port import Answer, Bucket
from lakehouse.admin.doctor.site import Site, expect

UNKNOWN_KEY_ID = "lakehouse-doctor"
"""Used where the credentials come from the AWS chain."""
WRONG = "not-the-secret-of-this-bucket"


async def credentials(site: Site) -> str:
    """A wrong secret may neither read nor create."""
    key = await site.store("access", b"secret")
    if site.s3 is None:
        raise BucketUnavailable("this bucket has no credentials")
    key_id = site.s3.access_key_id or UNKNOWN_KEY_ID
    wrong = msgspec.structs.replace(site.s3, access_key_id=key_id, secret_access_key=WRONG)
    stranger = await open_bucket(site.bucket.url, wrong)
    try:
        await _expect_no_read(stranger, key)
        created = await stranger.create(site.key("access-wrong"), b"")
    finally:
        await stranger.close()
    expect(created.answer is not Answer.CREATED, "a wrong secret may create an object")
    if created.answer is not Answer.REFUSED:
        raise BucketUnavailable(f"with a wrong secret: {created.detail or created.answer.value}")
    return "a wrong secret may neither read nor create"


async def _expect_no_read(stranger: Bucket, key: str) -> None:
    try:
        await stranger.read(key)
    except (BucketRefused, ObjectMissing):
        return  # some stores hide what a stranger may not see
    expect(False, "a wrong secret may read an object")
