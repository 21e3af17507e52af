"""The settings of one S3 bucket. Must never show a secret nor read the environment."""

from urllib.parse import urlsplit

import msgspec


class S3Settings(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One bucket, its endpoint and its credentials. ValueError for values that cannot work."""

    bucket: str
    prefix: str = ""
    """Without slashes at its ends."""
    endpoint_url: str | None = None
    """None means Amazon; anything else is addressed by path, not by host name."""
    region: str | None = None
    """None means the AWS profile's region, or us-east-1."""
    access_key_id: str | None = None
    """None means credentials from the AWS chain (`credentials.py`)."""
    secret_access_key: str | None = None
    session_token: str | None = None
    instance_metadata: bool = False
    """Whether the AWS chain may ask the machine's metadata service."""
    connect_timeout_s: float = 3
    read_timeout_s: float = 10
    """For a create; three times as long for a GET and a part of an upload."""

    def __post_init__(self) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("S3 credentials need both an access key id and a secret access key")
        if self.endpoint_url is not None:
            _check_endpoint(self.endpoint_url)

    def __repr__(self) -> str:
        secrets = ("secret_access_key", "session_token")
        shown = {name: getattr(self, name) for name in self.__struct_fields__}
        shown |= {name: "***" for name in secrets if shown[name] is not None}
        return f"S3Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def _check_endpoint(url: str) -> None:
    parts = urlsplit(url)
    # The URL itself stays out of the message: it may hold a password.
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the S3 endpoint must be a URL such as https://host:9000")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("the S3 endpoint cannot contain credentials, a query or a fragment")
