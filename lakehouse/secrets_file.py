"""The secrets file: a TOML file of mode 0600 with credentials. Must never show what it holds."""

import stat
import tomllib
from pathlib import Path

from lakehouse.config import ConfigError, Settings

SECRETS = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "otlp_headers",
    "token",
)
ICEBERG_SECRETS = ("aws_access_key_id", "aws_secret_access_key")
"""The read-only pair of the table `[iceberg]`."""
STORE_SECRETS = {
    "aws_access_key_id": "aws_access_key_id",
    "aws_secret_access_key": "aws_secret_access_key",
    "aws_session_token": "aws_session_token",
    "endpoint": "aws_endpoint_url",
    "region": "aws_region",
}
"""The entries of a table `[stores.<name>]`, and what S3 settings call each."""


def load_secrets(settings: Settings) -> dict[str, str]:
    """The secrets file's entries without its tables; empty without a file. Raises ConfigError."""
    entries = _secrets(settings)
    entries.pop("iceberg", None)
    entries.pop("stores", None)
    for name, value in entries.items():
        if name not in SECRETS or not isinstance(value, str):
            raise ConfigError(f"secrets file {settings.secrets_file}: unknown entry {name!r}")
    return {name: str(value) for name, value in entries.items()}


def load_iceberg_pair(settings: Settings) -> tuple[str, str] | None:
    """The id and the secret of the read-only pair for engines, if there is one. Raises ConfigError."""
    table = _secrets(settings).get("iceberg")
    if table is None:
        return None
    names = ICEBERG_SECRETS
    if (
        not isinstance(table, dict)
        or set(table) != set(names)
        or not all(isinstance(each, str) and each for each in table.values())
    ):
        detail = f"[iceberg] has the texts {' and '.join(names)}, and nothing else"
        raise ConfigError(f"secrets file {settings.secrets_file}: {detail}")
    return table[names[0]], table[names[1]]


def load_store_secrets(settings: Settings, name: str) -> dict[str, str] | None:
    """The table `[stores.<name>]` of the secrets file; None if there is none. Raises ConfigError."""
    tables = _secrets(settings).get("stores", {})
    table = tables.get(name) if isinstance(tables, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict) or not all(
        key in STORE_SECRETS and isinstance(value, str) for key, value in table.items()
    ):
        detail = f"[stores.{name}] has the texts {', '.join(STORE_SECRETS)}, and nothing else"
        raise ConfigError(f"secrets file {settings.secrets_file}: {detail}")
    return {STORE_SECRETS[key]: value for key, value in table.items()}


def _secrets(settings: Settings) -> dict[str, object]:
    if settings.secrets_file is None:
        return {}
    path = Path(settings.secrets_file)
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            detail = f"other users can access it (mode {stat.S_IMODE(mode):04o}); run chmod 600"
            raise ConfigError(f"secrets file {path}: {detail}")
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"secrets file {path}: {type(error).__name__}") from error
    except tomllib.TOMLDecodeError as error:
        # The parser's message may quote the line, and the line may hold the secret.
        raise ConfigError(f"secrets file {path}: it is not valid TOML") from error
