"""The connection of a command to a server: its URL, the token, and how refusals come back.

The token comes from a file, a variable or the secrets file, never from an argument: every user of a
machine can read the arguments of a process. It is not sent over plain HTTP to another machine.
"""

import logging
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from lakehouse.client.error import Error
from lakehouse.client.lake import Lake, connect
from lakehouse.config import LOOPBACK, TOKEN_VARIABLE, ConfigError, Settings
from lakehouse.domain.errors import CODES, Refused, RefusedError
from lakehouse.secrets_file import load_secrets

UNREACHABLE = "server_unreachable"


def connected(settings: Settings, environ: Mapping[str, str], actor: str | None = None) -> Lake:
    """The lake at the setting `url`. Nothing is sent yet. Raises ConfigError."""
    url = settings.url or ""
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    token = token_of(settings, environ)
    try:
        lake = connect(url, token, actor=actor)
    except ValueError as error:
        raise ConfigError(f"url: {error}") from error
    parts = urlsplit(url)
    if token is not None and parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ConfigError(f"url {url!r}: a token is sent to another machine by https only")
    return lake


def token_of(settings: Settings, environ: Mapping[str, str]) -> str | None:
    """The token: from `token_file`, else from LAKEHOUSE_TOKEN, else from the secrets file.

    Raises ConfigError.
    """
    if settings.token_file is not None:
        return _from_file(Path(settings.token_file))
    return environ.get(TOKEN_VARIABLE) or load_secrets(settings).get("token")


def _from_file(path: Path) -> str:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & stat.S_IROTH:
            detail = f"other users can read it (mode {mode:04o}); run chmod 600"
            raise ConfigError(f"token file {path}: {detail}")
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"token file {path}: {type(error).__name__}") from error
    if not token.isascii() or not token.isprintable() or not token:
        raise ConfigError(f"token file {path}: it holds no token")
    return token


def refused(error: Error) -> RefusedError:
    """What the server refused, or that it cannot be asked, as commands raise it."""
    code = error.code if error.code in CODES else UNREACHABLE
    detail = error.detail if code == error.code else f"{error.code}: {error.detail}"
    return RefusedError(Refused(code, detail, tuple(error.errors)))
