"""An event-sourced lakehouse: `connect` asks a server, `open` opens a bucket in this process.

Importing it loads neither: what serves, what asks and Arrow are loaded when they are needed.
"""

from typing import TYPE_CHECKING

from lakehouse.client.error import Error

if TYPE_CHECKING:
    from lakehouse.client.lake import Lake

__all__ = ["Error", "connect", "open"]


def connect(
    url: str, token: str | None = None, profile: str | None = None, actor: str | None = None
) -> "Lake":
    """A connection to the lake at `http(s)://host:port`. Sends no request.

    `token` says who asks, `profile` what names stand for, `actor` what the events name where the lake
    has no tokens. Raises ValueError for what is no such URL.
    """
    from lakehouse.client.lake import connect

    return connect(url, token, profile, actor)


def open(  # noqa: A001  # what one does with a bucket
    bucket_url: str, profile: str | None = None, actor: str | None = None
) -> "Lake":
    """Open the lake of a bucket (`s3://…`, `file:///…` or a path) in this process, without a server.

    Other settings come from the environment and `lakehouse.toml`, as for `lakehouse serve`. Other
    processes may have the bucket open too. Raises Error.
    """
    from lakehouse.client.in_process import open_bucket

    return open_bucket(bucket_url, profile, actor)
