"""Settings: options before environment (`LAKEHOUSE_*`) before `lakehouse.toml` before defaults.

Unknown names are refused by name. Secrets come from a file of mode 0600 or from the usual AWS
variables, are never in `lakehouse.toml`, and never printed.
"""

import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

PREFIX = "LAKEHOUSE_"
FILE = "lakehouse.toml"
SECRETS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Several = Annotated[int, msgspec.Meta(ge=1, le=1_024)]
Megabytes = Annotated[int, msgspec.Meta(ge=16, le=1024 * 1024)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=24 * 3600)]
LogLevel = Literal["debug", "info", "warning", "error"]


class ConfigError(Exception):
    """A setting that cannot be used. Says which, from where, and why; never its value if secret."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set. Each is an option, `LAKEHOUSE_<NAME>`, and a line of the file."""

    bucket: str = "./bucket"
    """`s3://name[/prefix]`, `file:///dir` or a path."""
    host: str = "127.0.0.1"
    port: Port = 3110
    secrets_file: str | None = None
    spool_dir: str | None = None
    """Where bodies wait on their way in; None: beside the bucket, or the system's place."""
    poll_interval_s: Seconds = 1.0
    """How often to look for other processes' changes."""
    drain_s: Seconds = 20.0
    """How long a stop waits for what was accepted."""
    threads: Several = 4
    """Threads for files and CSV."""
    query_workers: Several = 2
    query_waiting: Several = 32
    query_timeout_s: Seconds = 60.0
    query_cache_mb: Annotated[int, msgspec.Meta(ge=0, le=1024 * 1024)] = 64
    query_memory_mb: Megabytes = 2_048
    cache_dir: str | None = None
    """Where blocks of a remote bucket's objects are cached; None: below the spool directory."""
    cache_max_mb: Annotated[int, msgspec.Meta(ge=0, le=1024 * 1024 * 1024)] = 4_096
    log_level: LogLevel = "info"


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
    return settings


def load_secrets(settings: Settings) -> dict[str, str]:
    """The secrets file's entries; empty without one. Raises ConfigError."""
    if settings.secrets_file is None:
        return {}
    path = Path(settings.secrets_file)
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            detail = f"others can use it (mode {stat.S_IMODE(mode):04o}); chmod 600 it"
            raise ConfigError(f"secrets file {path}: {detail}")
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
    """A variable that is empty is not set. `LAKEHOUSE_TEST_*` belongs to the test-suite."""
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}TEST_") and value
    }


def _convert(named: Mapping[str, object], where: str) -> Settings:
    unknown = sorted(set(named) - set(Settings.__struct_fields__))
    if unknown:
        raise ConfigError(f"{where}: unknown setting {', '.join(unknown)}")
    try:
        return msgspec.convert(named, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
