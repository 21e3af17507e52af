"""Objects on S3 as DuckDB reads them: a file system that does nothing but open and read.

Owns the connection to the bucket inside a worker. It must never write, list or keep a shared
position: DuckDB reads one handle from several threads, each of which seeks first.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from fsspec import AbstractFileSystem
from pyarrow import fs

from lakehouse.query.messages import OBJECT_FAILED, S3

_PROTOCOL = "s3"
_REFUSED = r"AWS Error (ACCESS_DENIED|INVALID_|UNRECOGNIZED_CLIENT|SIGNATURE)|HTTP status 40[13]"
_NEVER_CHANGED = datetime(2000, 1, 1, tzinfo=UTC)
_CONNECT_S = 5.0
_REQUEST_S = 30.0


class S3Files(AbstractFileSystem):  # type: ignore[misc]
    """The objects of one bucket, read only."""

    protocol = (_PROTOCOL,)
    cachable = False

    def __init__(self, s3: S3) -> None:
        super().__init__()
        endpoint = urlsplit(s3.endpoint_url or "")
        self._s3 = fs.S3FileSystem(
            access_key=s3.access_key_id,
            secret_key=s3.secret_access_key,
            session_token=s3.session_token,
            region=s3.region,
            endpoint_override=endpoint.netloc or None,
            scheme=endpoint.scheme or "https",
            connect_timeout=_CONNECT_S,
            request_timeout=_REQUEST_S,
        )

    def open(self, path: str, mode: str = "rb", **_: Any) -> "_Object":
        """Open an object. Raises FileNotFoundError, OSError."""
        if mode != "rb":
            raise PermissionError(f"objects are opened to be read, not {mode!r}")
        with _translated():
            return _Object(self._s3.open_input_file(_key(path)))

    def glob(self, path: str, **_: Any) -> list[str]:
        """The one object that a pattern without wildcards names: its bytes decide, no listing."""
        return [f"{_PROTOCOL}://{_key(path)}"]

    def exists(self, path: str, **_: Any) -> bool:
        """Whether an object is there."""
        with _translated():
            return bool(self._s3.get_file_info(_key(path)).type == fs.FileType.File)

    def modified(self, path: str) -> datetime:
        """The same time for every object: what is stored under a key never changes."""
        return _NEVER_CHANGED

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """The size of an object, for fsspec."""
        with _translated():
            size = self._s3.get_file_info(_key(path)).size
        return {"name": path, "size": size, "type": "file"}


class _Object:
    """An open object. Each thread has a position of its own."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.size = file.size()
        self._positions = threading.local()

    def seek(self, position: int, whence: int = 0) -> int:
        if whence:
            raise OSError("a position counts from the start of the object")
        self._positions.at = position
        return position

    def tell(self) -> int:
        return int(getattr(self._positions, "at", 0))

    def read(self, size: int = -1) -> bytes:
        start = self.tell()
        with _translated():
            data: bytes = self._file.read_at(self.size - start if size < 0 else size, start)
        self._positions.at = start + len(data)
        return data

    def close(self) -> None:
        self._file.close()


@contextmanager
def _translated() -> Iterator[None]:
    """Name the refusal's code and nothing else: Arrow's texts hold the bucket and the endpoint."""
    try:
        yield
    except FileNotFoundError as error:
        raise OSError(f"{OBJECT_FAILED} object_lost") from error
    except OSError as error:
        refused = re.search(_REFUSED, str(error))
        code = "bucket_refused" if refused else "bucket_unavailable"
        raise OSError(f"{OBJECT_FAILED} {code}") from error


def _key(path: str) -> str:
    """`bucket/key` of an URL whose wildcard characters stand in brackets, as views write them."""
    bare = re.sub(r"\[([*?\[])\]", r"\1", path)
    return bare.removeprefix(f"{_PROTOCOL}://")
