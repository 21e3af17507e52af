"""How this process reaches the places of stores: by the settings, the environment and the secrets file.

Owns which credentials a store gets. Must never put one into a message.
"""

from collections.abc import Mapping
from pathlib import Path

from journal.bucket.errors import BucketUnavailable
from journal.bucket.opening import directory_of, open_bucket, s3_settings_from_environment
from journal.bucket.port import Bucket
from journal.bucket.s3.settings import S3Settings
from lakehouse.config import ConfigError, Settings
from lakehouse.secrets_file import load_secrets, load_store_secrets


class SettingsAccess:
    """The access of one process's settings."""

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ

    async def open(
        self, url: str, credentials: str | None, *, create: bool = False
    ) -> tuple[Bucket, S3Settings | None]:
        """As StoreAccess describes it."""
        s3 = self._s3(url, credentials)
        if s3 is None and not create and not directory_of(url).is_dir():
            raise BucketUnavailable(f"{url}: there is no such directory; is it mounted?")
        return await open_bucket(url, s3), s3

    def place(self, url: str, credentials: str | None) -> str:
        """As StoreAccess describes it."""
        s3 = self._s3(url, credentials)
        if s3 is not None:
            return f"s3|{s3.endpoint_url or ''}|{s3.bucket}/{s3.prefix}".rstrip("/") + "/"
        if url == "memory://":
            return "memory|/"
        return f"file|{Path(directory_of(url)).resolve()}".rstrip("/") + "/"

    def _s3(self, url: str, credentials: str | None) -> S3Settings | None:
        if not url.startswith("s3://"):
            return None
        try:
            if credentials is None:
                secrets, environ = load_secrets(self._settings), self._environ
            else:
                found = load_store_secrets(self._settings, credentials)
                if found is None:
                    detail = f"this process's secrets file has no table [stores.{credentials}]"
                    raise BucketUnavailable(detail)
                secrets, environ = found, {}
            return s3_settings_from_environment(
                url, environ, secrets, instance_metadata=self._settings.instance_metadata
            )
        except (ConfigError, ValueError) as error:
            raise BucketUnavailable(f"the credentials of the store: {error}") from error
