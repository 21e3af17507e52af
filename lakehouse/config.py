"""Settings: options before environment (`LAKEHOUSE_*`) before `lakehouse.toml` before defaults.

Unknown names are refused by name. Secrets come from a file of mode 0600 or from the usual AWS
variables, are never in `lakehouse.toml`, and never printed.
"""

import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

PREFIX = "LAKEHOUSE_"
FILE = "lakehouse.toml"
SECRETS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class ConfigError(Exception):
    """A setting that cannot be used. Says which, from where, and why; never its value if secret."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set. Each is an option, `LAKEHOUSE_<NAME>`, and a line of the file."""

    bucket: str = "./bucket"
    """`s3://name[/prefix]`, `file:///dir` or a path."""
    host: str = "127.0.0.1"
    port: int = 3110
    secrets_file: str | None = None
    spool_dir: str | None = None
    """Where bodies wait on their way in; None: beside the bucket, or the system's place."""
    poll_interval_s: float = 1.0
    """How often to look for other processes' changes."""
    drain_s: float = 20.0
    """How long a stop waits for what was accepted."""
    threads: int = 4
    """Threads for files and CSV."""
    query_workers: int = 2
    query_timeout_s: float = 60.0
    query_memory_mb: int = 2_048
    log_level: str = "info"


def load(options: Mapping[str, object], environ: Mapping[str, str], file: Path | None) -> Settings:
    """Settings from all three places. `file` None: `lakehouse.toml` here, if there is one.

    Raises ConfigError.
    """
    named: dict[str, object] = {}
    for where, found in (
        (str(file or FILE), _from_file(file)),
        ("the environment", _from_environment(environ)),
        ("the options", {name: value for name, value in options.items() if value is not None}),
    ):
        _convert(named | found, where)
        named |= found
    settings = _convert(named, "the options")
    if settings.host not in LOOPBACK:
        raise ConfigError(f"host {settings.host!r}: until tokens exist, only loopback is served")
    if not 0 <= settings.port <= 65_535:
        raise ConfigError(f"port {settings.port}: a port is a number from 0 to 65535")
    return settings


def load_secrets(settings: Settings) -> dict[str, str]:
    """The secrets file's entries; empty without one. Raises ConfigError."""
    if settings.secrets_file is None:
        return {}
    path = Path(settings.secrets_file)
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            told = f"others can use it (mode {stat.S_IMODE(mode):04o}); chmod 600 it"
            raise ConfigError(f"secrets file {path}: {told}")
        entries = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"secrets file {path}: {type(error).__name__}") from error
    except tomllib.TOMLDecodeError as error:
        # The parser's message may quote the line, and the line may hold the secret.
        raise ConfigError(f"secrets file {path}: it is not TOML") from error
    for name, value in entries.items():
        if name not in SECRETS or not isinstance(value, str):
            raise ConfigError(f"secrets file {path}: unknown entry {name!r}")
    return {name: str(value) for name, value in entries.items()}


def _from_file(file: Path | None) -> dict[str, object]:
    path = file or Path(FILE)
    if file is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    """`LAKEHOUSE_TEST_*` belongs to the test-suite."""
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}TEST_")
    }


def _convert(named: Mapping[str, object], where: str) -> Settings:
    unknown = sorted(set(named) - set(Settings.__struct_fields__))
    if unknown:
        raise ConfigError(f"{where}: unknown setting {', '.join(unknown)}")
    try:
        return msgspec.convert(named, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
