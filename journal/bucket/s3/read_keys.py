"""Keys that can only read some prefixes of a bucket, and the policy that limits them. Pure.

Must never show a secret.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec


class ReadKeys(msgspec.Struct, frozen=True):
    """Keys for others; without `expires_at` they are valid until their issuer ends them."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return f"ReadKeys({self.access_key_id!r})"


def read_policy(
    role_arn: str, bucket: str, prefix: str, prefixes: Sequence[str], staging: str | None
) -> str:
    """A session policy that allows to read the objects below `prefixes`, and to write below `staging`.

    `prefix`: of the lake in the bucket, without slashes at its ends; the others end with one. Without
    spaces: Ceph reads the `+` that a form has for a space as it is.
    """
    partition = role_arn.split(":")[1]
    below = f"{prefix}/" if prefix else ""
    root = f"arn:{partition}:s3:::{bucket}/{below}"
    statements = [_allowed(["s3:GetObject"], [f"{root}{each}*" for each in prefixes])]
    if staging is not None:
        writing = ["s3:PutObject", "s3:AbortMultipartUpload"]
        statements.append(_allowed(writing, [f"{root}{staging}*"]))
    return msgspec.json.encode({"Version": "2012-10-17", "Statement": statements}).decode()


def _allowed(actions: list[str], resources: list[str]) -> dict[str, object]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}
