"""moto's S3 server with one lock around its handlers, as a program: `locked_moto.py PORT`.

Without the lock moto lets several writers win one key. It accepts any credentials, so it stands in
for a real store only where there is none.
"""

import sys
import threading
from typing import Any

from moto.s3.responses import S3Response
from moto.server import main

_LOCK = threading.RLock()


def _locked(handler: Any) -> Any:
    def handle(*arguments: Any, **options: Any) -> Any:
        with _LOCK:
            return handler(*arguments, **options)

    return handle


if __name__ == "__main__":
    for name in ("key_response", "bucket_response"):
        setattr(S3Response, name, _locked(getattr(S3Response, name)))
    main(["--port", sys.argv[1]])
